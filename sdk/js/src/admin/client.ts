import type { TokenSource } from "../auth/types.js";
import { Collection } from "../documents/collection.js";
import type { DocumentContext } from "../documents/context.js";
import { checkCollection } from "../documents/ids.js";
import { onlineSource } from "../documents/online.js";
import type { AnySchema, SchemaOf } from "../documents/shapes.js";
import type { CallOptions } from "../documents/types.js";
import { BasaltError, badArgument } from "../errors.js";
import { withInside } from "../inside.js";
import { fetchOf, webSocketOf } from "../platform.js";
import { createRealtime } from "../realtime/index.js";
import type { Realtime, WebSocketConstructor } from "../realtime/types.js";
import { memoryStorage } from "../storage/storage.js";
import { Transaction } from "../transactions/transaction.js";
import { systemClock } from "../transport/clock.js";
import { createTransport } from "../transport/fetch.js";
import { DEFAULT_RETRIES } from "../transport/retry.js";
import type { Clock, Fetch, Transport } from "../transport/types.js";
import { serverUrl } from "../transport/url.js";
import { call } from "./call.js";
import { Changes } from "./changes.js";
import { type Export, type ExportOptions, exportDocuments } from "./export.js";
import { Deployments, Functions, InvocationRecords, Logs, Secrets } from "./functions.js";
import { type ImportOptions, type ImportResult, type ImportSource, importLines } from "./import.js";
import { Audit, Buckets, Channels, Collections, Keys, Operators, Roles, Rules } from "./rooms.js";
import { DeadLetters, Schedules, Webhooks } from "./targets.js";
import type { AdminPrincipal, OperatorSignedIn } from "./types.js";
import { Users } from "./users.js";

export interface AdminOptions {
  /** Of the server: `https://api.example.com`. */
  url: string;
  /** A service key, `bst_sk_…`. Never in a browser or an app; a page of the server's own has the operator's cookie. */
  key?: string;
  fetch?: Fetch;
  WebSocket?: WebSocketConstructor | null;
  /** Milliseconds for one attempt of a call: 30,000. */
  timeout?: number;
  retries?: number;
  clock?: Clock;
}

export interface AdminClient<Schema extends SchemaOf<Schema> = AnySchema> {
  readonly url: string;
  readonly collections: Collections;
  readonly buckets: Buckets;
  readonly users: Users;
  readonly roles: Roles;
  readonly keys: Keys;
  readonly operators: Operators;
  readonly channels: Channels;
  readonly rules: Rules;
  readonly audit: Audit;
  readonly changes: Changes;
  readonly functions: Functions;
  readonly secrets: Secrets;
  readonly invocations: InvocationRecords;
  readonly logs: Logs;
  readonly schedules: Schedules;
  readonly webhooks: Webhooks;
  readonly deadLetters: DeadLetters;
  readonly deployments: Deployments;
  readonly realtime: Realtime;
  /** Documents, past the rules: as far as the key's scopes go. */
  collection<N extends keyof Schema & string>(name: N): Collection<Schema[N]>;
  transaction(): Transaction<Schema>;
  export<N extends keyof Schema & string>(collection: N, options?: ExportOptions): Promise<Export<Schema[N]>>;
  import<N extends keyof Schema & string>(
    collection: N,
    source: ImportSource,
    options?: ImportOptions,
  ): Promise<ImportResult>;
  /** Who calls: a service or an operator. */
  me(options?: CallOptions): Promise<AdminPrincipal>;
  /** An operator's sign-in; its session is a cookie, so only for pages of the server's own. */
  login(email: string, password: string, options?: CallOptions): Promise<OperatorSignedIn>;
  logout(options?: CallOptions): Promise<void>;
  /** Makes the first owner, by the token of the link that the server printed. */
  setup(owner: { token: string; email: string; password: string }, options?: CallOptions): Promise<OperatorSignedIn>;
  /** In Prometheus' text form. */
  metrics(options?: CallOptions): Promise<string>;
  close(): void;
}

export function createAdmin<Schema extends SchemaOf<Schema> = AnySchema>(options: AdminOptions): AdminClient<Schema> {
  checkKey(options.key);
  const url = serverUrl(options.url);
  const clock = options.clock ?? systemClock;
  const timeout = options.timeout ?? 30_000;
  const tokens = keySource(options.key ?? null);
  const fetch = fetchOf(options);
  const transport = createTransport({
    url,
    clock,
    fetch,
    timeout,
    retry: { ...DEFAULT_RETRIES, retries: options.retries ?? DEFAULT_RETRIES.retries },
    tokens: () => tokens,
  });
  let realtime: Realtime | null = null;
  const live = () => {
    realtime ??= createRealtime({ transport, tokens, url, clock, WebSocket: webSocketOf(options) });
    return realtime;
  };
  const context: DocumentContext = { source: onlineSource(transport, live), transport, clock };
  const client: AdminClient<Schema> = {
    url,
    ...rooms(transport, clock),
    get realtime() {
      return live();
    },
    collection: (name) => new Collection(context, name),
    transaction: () => new Transaction<Schema>(context),
    close: () => realtime?.close(),
  };
  // A script that was ended begins its uploads anew.
  const kept = { storage: memoryStorage(), storageKey: "admin", timeout, fetch, hasOwnFetch: !!options.fetch };
  return withInside(client, { ...context, ...kept, userId: tokens.userId });
}

function rooms(transport: Transport, clock: Clock) {
  return {
    collections: new Collections(transport),
    buckets: new Buckets(transport),
    users: new Users(transport),
    roles: new Roles(transport),
    keys: new Keys(transport),
    operators: new Operators(transport),
    channels: new Channels(transport),
    rules: new Rules(transport),
    audit: new Audit(transport),
    changes: new Changes(transport, clock),
    functions: new Functions(transport),
    secrets: new Secrets(transport),
    invocations: new InvocationRecords(transport),
    logs: new Logs(transport, clock),
    schedules: new Schedules(transport),
    webhooks: new Webhooks(transport),
    deadLetters: new DeadLetters(transport),
    deployments: new Deployments(transport),
    export: <T>(collection: string, options?: ExportOptions) => exportDocuments<T>(transport, collection, options),
    import: (collection: string, source: ImportSource, options?: ImportOptions) =>
      importLines(transport, `/v1/collections/${checkCollection(collection)}/import`, source, options),
    me: (options?: CallOptions) => call<AdminPrincipal>(transport, "GET", "/v1/admin/me", {}, options),
    login: (email: string, password: string, options?: CallOptions) =>
      call<OperatorSignedIn>(transport, "POST", "/v1/admin/login", { body: { email, password } }, options),
    logout: async (options?: CallOptions) => {
      await call(transport, "POST", "/v1/admin/logout", {}, options);
    },
    setup: (owner: { token: string; email: string; password: string }, options?: CallOptions) =>
      call<OperatorSignedIn>(transport, "POST", "/v1/admin/setup", { body: owner }, options),
    metrics: (options?: CallOptions) =>
      call<string>(transport, "GET", "/metrics", { headers: { accept: "text/plain" } }, options),
  };
}

function checkKey(key: string | undefined): void {
  if (key === undefined) return;
  if (!/^bst_sk_[\x21-\x7e]+$/.test(key)) throw badArgument("A service key begins with bst_sk_.");
  if (isOnAUsersDevice()) {
    const message =
      "A service key may do everything and must not be in a browser or an app: whoever has the page has the key.";
    throw new BasaltError({ code: "service_key_in_browser", message });
  }
}

function isOnAUsersDevice(): boolean {
  if (typeof window !== "undefined" && typeof document !== "undefined") return true;
  return typeof navigator !== "undefined" && (navigator as { product?: string }).product === "ReactNative";
}

/** The key doesn't change; one that is refused is refused. */
function keySource(key: string | null): TokenSource {
  return { token: async () => key, userId: async () => null, refused: async () => null, onChange: () => () => {} };
}
