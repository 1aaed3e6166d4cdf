import type { SessionInfo, User } from "../auth/types.js";
import type { Expression } from "../documents/expression.js";
import { inlined } from "../documents/inline.js";
import type { CallOptions, Json, Page } from "../documents/types.js";
import type { Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import { type ImportOptions, type ImportResult, type ImportSource, importLines } from "./import.js";
import type { NewUser, UserChange } from "./types.js";

export interface UserQuery {
  where?: Expression;
  /** `-createdAt`, `email`, … */
  sort?: string[];
  limit?: number;
  cursor?: string;
  /** Count all, exactly. */
  count?: boolean;
}

/** All users, whatever the rules say. */
export class Users<T extends object = Record<string, Json>> {
  constructor(private readonly transport: Transport) {}

  list({ where, sort, limit, cursor, count }: UserQuery = {}, options?: CallOptions): Promise<Page<User<T>>> {
    const filter = where && inlined(where);
    const query = { filter, sort: sort?.join(","), limit, cursor, count: count ? "exact" : undefined };
    return call(this.transport, "GET", "/v1/admin/users", { query }, options);
  }

  get(id: string, options?: CallOptions): Promise<User<T>> {
    return call(this.transport, "GET", `/v1/admin/users/${segment(id)}`, {}, options);
  }

  create(user: NewUser, options?: CallOptions): Promise<User<T>> {
    return call(this.transport, "POST", "/v1/admin/users", { body: user }, options);
  }

  /** What isn't named stays. `disabled: true` and a new password end his sessions. */
  update(id: string, change: UserChange, options?: CallOptions): Promise<User<T>> {
    return call(this.transport, "PATCH", `/v1/admin/users/${segment(id)}`, { body: change }, options);
  }

  delete(id: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/users/${segment(id)}`, {}, options);
  }

  sessions(id: string, options?: CallOptions): Promise<SessionInfo[]> {
    return items(this.transport, `/v1/admin/users/${segment(id)}/sessions`, options);
  }

  /** Signs him out everywhere. */
  endSessions(id: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/admin/users/${segment(id)}/sessions`, {}, options);
  }

  /** Users of another system, with their ids and the hashes of their passwords. */
  import(users: ImportSource, options?: Omit<ImportOptions, "mode">): Promise<ImportResult> {
    return importLines(this.transport, "/v1/admin/users/import", users, options);
  }
}
