/** Functions as they are deployed, their secrets, their calls and what these logged. */
import type { CallOptions, Json, Page } from "../documents/types.js";
import type { Clock, Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import { goingOn } from "./events.js";
import type {
  AppPlan,
  Deployment,
  DeployOptions,
  FunctionAlias,
  FunctionInfo,
  FunctionShare,
  FunctionsDeploy,
  FunctionsPlan,
  FunctionVersion,
  InvocationQuery,
  InvocationRecord,
  LogLine,
  LogQuery,
  SecretInfo,
  Usage,
} from "./function-types.js";

const ROOT = "/v1/admin/functions";

export class Functions {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<FunctionInfo[]> {
    return items(this.transport, ROOT, options);
  }

  get(name: string, options?: CallOptions): Promise<FunctionInfo> {
    return call(this.transport, "GET", `${ROOT}/${segment(name)}`, {}, options);
  }

  /** With all its versions and aliases. */
  delete(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `${ROOT}/${segment(name)}`, {}, options);
  }

  /** Calls a callable, past its rule as far as the key's scopes go. */
  invoke<R = Json>(name: string, input?: unknown, more: CallOptions & { alias?: string } = {}): Promise<R> {
    const { alias, ...options } = more;
    const path = `/v1/functions/${segment(name)}`;
    return call(this.transport, "POST", path, { body: input ?? null, query: { alias } }, options);
  }

  /** `invalid_definition` names file, line and column of what is wrong; `plan_refused` what wants to be acknowledged. */
  deploy(deploy: FunctionsDeploy, options?: CallOptions): Promise<FunctionsPlan> {
    return call(this.transport, "POST", `${ROOT}/deploy`, { body: deploy }, options);
  }

  /** What `deploy` would do. */
  plan(deploy: FunctionsDeploy, options?: CallOptions): Promise<FunctionsPlan> {
    return call(this.transport, "POST", `${ROOT}/deploy`, { body: { ...deploy, plan: true } }, options);
  }

  versions(name: string, options?: CallOptions): Promise<FunctionVersion[]> {
    return items(this.transport, `${ROOT}/${segment(name)}/versions`, options);
  }

  /** With its sources. */
  version(name: string, version: number, options?: CallOptions): Promise<FunctionVersion> {
    return call(this.transport, "GET", `${ROOT}/${segment(name)}/versions/${version}`, {}, options);
  }

  alias(name: string, alias: string, options?: CallOptions): Promise<FunctionAlias> {
    return call(this.transport, "GET", aliasPath(name, alias), {}, options);
  }

  /** To one version, or to several by weights. */
  setAlias(name: string, alias: string, to: number | FunctionShare[], options?: CallOptions): Promise<FunctionAlias> {
    const versions = typeof to === "number" ? [{ version: to, weight: 100 }] : to;
    return call(this.transport, "PUT", aliasPath(name, alias), { body: { versions } }, options);
  }

  deleteAlias(name: string, alias: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", aliasPath(name, alias), {}, options);
  }

  /** To what the alias (`live`) led to before its last change, or to a version. */
  rollback(name: string, to: { alias?: string; version?: number } = {}, options?: CallOptions): Promise<FunctionAlias> {
    return call(this.transport, "POST", `${ROOT}/${segment(name)}/rollback`, { body: to }, options);
  }

  /** Per function and day, of UTC. */
  usage(query: { from?: string; to?: string; function?: string } = {}, options?: CallOptions): Promise<Usage[]> {
    return call<{ items: Usage[] }>(this.transport, "GET", "/v1/admin/usage", { query }, options).then((u) => u.items);
  }
}

function aliasPath(name: string, alias: string): string {
  return `${ROOT}/${segment(name)}/aliases/${segment(alias)}`;
}

/** Values that functions alone are told. */
export class Secrets {
  constructor(private readonly transport: Transport) {}

  /** Their names. */
  list(options?: CallOptions): Promise<SecretInfo[]> {
    return items(this.transport, "/v1/admin/secrets", options);
  }

  /** For one alias, or for all that have none of their own. */
  async set(name: string, value: string, more: CallOptions & { alias?: string } = {}): Promise<void> {
    const { alias, ...options } = more;
    await call(this.transport, "PUT", `/v1/admin/secrets/${segment(name)}`, { body: { value, alias } }, options);
  }

  async delete(name: string, more: CallOptions & { alias?: string } = {}): Promise<void> {
    const { alias, ...options } = more;
    await call(this.transport, "DELETE", `/v1/admin/secrets/${segment(name)}`, { query: { alias } }, options);
  }
}

/** Calls that are over. */
export class InvocationRecords {
  constructor(private readonly transport: Transport) {}

  /** Newest first; a page may be short and yet not the last. */
  list(query: InvocationQuery = {}, options?: CallOptions): Promise<Page<InvocationRecord>> {
    return call(this.transport, "GET", "/v1/admin/invocations", { query: { ...query } }, options);
  }

  /** With what it logged. */
  get(id: string, options?: CallOptions): Promise<InvocationRecord & { logs: LogLine[] }> {
    return call(this.transport, "GET", `/v1/admin/invocations/${segment(id)}`, {}, options);
  }
}

/** What functions log. */
export class Logs {
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
  ) {}

  /** The newest lines, the oldest of them first. */
  list(query: LogQuery = {}, options?: CallOptions): Promise<Page<LogLine>> {
    return call(this.transport, "GET", "/v1/admin/logs", { query: { ...query } }, options);
  }

  /** Each line as it comes, for ever; end it by `break` or the signal. */
  async *follow(
    query: Omit<LogQuery, "limit" | "cursor"> = {},
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<LogLine, void, undefined> {
    const request = { method: "GET", path: "/v1/admin/logs", accept: "text/event-stream" } as const;
    const open = () =>
      this.transport.stream({ ...request, query: { ...query, follow: true }, ...(signal && { signal }) });
    for await (const { data } of goingOn(this.clock, open, signal)) yield JSON.parse(data) as LogLine;
  }
}

/** Whole apps. */
export class Deployments {
  constructor(private readonly transport: Transport) {}

  /** Newest first. */
  list(page: { limit?: number; cursor?: string } = {}, options?: CallOptions): Promise<Page<Deployment>> {
    return call(this.transport, "GET", "/v1/admin/deployments", { query: page }, options);
  }

  /** The zip of an app's folder: `app.toml`, `functions/`, `schemas/`. All of it or nothing. */
  deploy(zip: Uint8Array | ArrayBuffer | Blob, more: CallOptions & DeployOptions = {}): Promise<AppPlan> {
    const { plan, remove, acknowledge, alias, ...options } = more;
    const query = { plan, remove: remove?.join(","), acknowledge: acknowledge?.join(","), alias };
    const headers = { "content-type": "application/zip" };
    return call(this.transport, "POST", "/v1/admin/deploy", { query, headers, body: zip }, options);
  }
}
