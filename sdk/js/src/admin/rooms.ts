/** The rooms of `/v1/admin` that are lists of named things. */
import type { CallOptions, Page } from "../documents/types.js";
import type { Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import type {
  Access,
  AuditEntry,
  BucketDefinition,
  BucketInfo,
  ChannelPattern,
  ChannelRules,
  CollectionDefinition,
  CollectionInfo,
  CreatedKey,
  Key,
  NewKey,
  NewOperator,
  NewRole,
  Operator,
  OperatorChange,
  Plan,
  Role,
  Simulated,
  Simulation,
} from "./types.js";

/** Definitions of collections. */
export class Collections {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<CollectionInfo[]> {
    return items(this.transport, "/v1/admin/collections", options);
  }

  get(name: string, options?: CallOptions): Promise<CollectionInfo> {
    return call(this.transport, "GET", `/v1/admin/collections/${segment(name)}`, {}, options);
  }

  /** The whole definition. `plan_refused` where it would lose data or open a write without being acknowledged. */
  put(name: string, definition: CollectionDefinition, options?: CallOptions): Promise<Plan> {
    return call(this.transport, "PUT", `/v1/admin/collections/${segment(name)}`, { body: definition }, options);
  }

  /** What `put` would do. */
  plan(name: string, definition: CollectionDefinition, options?: CallOptions): Promise<Plan> {
    const more = { body: definition, query: { plan: true } };
    return call(this.transport, "PUT", `/v1/admin/collections/${segment(name)}`, more, options);
  }

  /** Drops it with all its documents: `confirm` is its name once more. */
  delete(name: string, confirm: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/collections/${segment(name)}`, { query: { confirm } }, options);
  }
}

/** Definitions of buckets. */
export class Buckets {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<BucketInfo[]> {
    return items(this.transport, "/v1/admin/buckets", options);
  }

  get(name: string, options?: CallOptions): Promise<BucketInfo> {
    return call(this.transport, "GET", `/v1/admin/buckets/${segment(name)}`, {}, options);
  }

  /** The whole definition. `plan_refused` where it would open a write without being acknowledged. */
  put(name: string, definition: BucketDefinition, options?: CallOptions): Promise<Plan> {
    return call(this.transport, "PUT", `/v1/admin/buckets/${segment(name)}`, { body: definition }, options);
  }

  /** What `put` would do. */
  plan(name: string, definition: BucketDefinition, options?: CallOptions): Promise<Plan> {
    const more = { body: definition, query: { plan: true } };
    return call(this.transport, "PUT", `/v1/admin/buckets/${segment(name)}`, more, options);
  }

  /** `bucket_not_empty` while there are files in it. */
  delete(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/buckets/${segment(name)}`, {}, options);
  }
}

/** Service keys. */
export class Keys {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<Key[]> {
    return items(this.transport, "/v1/admin/keys", options);
  }

  /** The key itself is in this answer alone. */
  create(key: NewKey, options?: CallOptions): Promise<CreatedKey> {
    return call(this.transport, "POST", "/v1/admin/keys", { body: key }, options);
  }

  delete(id: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/keys/${segment(id)}`, {}, options);
  }
}

/** The roles that users may be given. */
export class Roles {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<Role[]> {
    return items(this.transport, "/v1/admin/roles", options);
  }

  get(name: string, options?: CallOptions): Promise<Role> {
    return call(this.transport, "GET", `/v1/admin/roles/${segment(name)}`, {}, options);
  }

  put(name: string, role: NewRole = {}, options?: CallOptions): Promise<Role> {
    return call(this.transport, "PUT", `/v1/admin/roles/${segment(name)}`, { body: role }, options);
  }

  /** Takes it from everybody. */
  delete(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/roles/${segment(name)}`, {}, options);
  }
}

/** The people of the admin API. */
export class Operators {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<Operator[]> {
    return items(this.transport, "/v1/admin/operators", options);
  }

  get(id: string, options?: CallOptions): Promise<Operator> {
    return call(this.transport, "GET", `/v1/admin/operators/${segment(id)}`, {}, options);
  }

  create(operator: NewOperator, options?: CallOptions): Promise<Operator> {
    return call(this.transport, "POST", "/v1/admin/operators", { body: operator }, options);
  }

  update(id: string, change: OperatorChange, options?: CallOptions): Promise<Operator> {
    return call(this.transport, "PATCH", `/v1/admin/operators/${segment(id)}`, { body: change }, options);
  }

  delete(id: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/operators/${segment(id)}`, {}, options);
  }
}

/** Who may be in which channels. */
export class Channels {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<ChannelPattern[]> {
    return items(this.transport, "/v1/admin/channels", options);
  }

  get(pattern: string, options?: CallOptions): Promise<ChannelPattern> {
    return call(this.transport, "GET", `/v1/admin/channels/${segment(pattern)}`, {}, options);
  }

  put(pattern: string, rules: ChannelRules, options?: CallOptions): Promise<ChannelPattern> {
    return call(this.transport, "PUT", `/v1/admin/channels/${segment(pattern)}`, { body: { rules } }, options);
  }

  delete(pattern: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/channels/${segment(pattern)}`, {}, options);
  }
}

/** What rules say and why. */
export class Rules {
  constructor(private readonly transport: Transport) {}

  /** Whether a supposed caller may do it, by which rule, and the value of each node of it. */
  simulate(simulation: Simulation, options?: CallOptions): Promise<Simulated> {
    return call(this.transport, "POST", "/v1/admin/rules/simulate", { body: simulation }, options);
  }

  /** Who can do what: visitors, and whoever signs up. */
  access(options?: CallOptions): Promise<Access[]> {
    return items(this.transport, "/v1/admin/rules/access", options);
  }
}

/** Who changed what. */
export class Audit {
  constructor(private readonly transport: Transport) {}

  /** Newest first. */
  list(page: { limit?: number; cursor?: string } = {}, options?: CallOptions): Promise<Page<AuditEntry>> {
    return call(this.transport, "GET", "/v1/admin/audit", { query: page }, options);
  }
}
