/** Puts the rooms together. */
import { Auth } from "./auth/auth.js";
import { SessionKeeper } from "./auth/keeper.js";
import { refreshSession } from "./auth/refresh.js";
import { browserPlatform, openTabs } from "./auth/tabs.js";
import { Collection } from "./documents/collection.js";
import type { DocumentContext } from "./documents/context.js";
import { onlineSource } from "./documents/online.js";
import type { AnySchema, SchemaOf } from "./documents/shapes.js";
import type { Json } from "./documents/types.js";
import { type Inside, withInside } from "./inside.js";
import type { OfflineControl, Persistence } from "./offline/types.js";
import { fetchOf, webSocketOf } from "./platform.js";
import { createRealtime } from "./realtime/index.js";
import type { Realtime, WebSocketConstructor } from "./realtime/types.js";
import { defaultStorage, type KeyValueStorage, Slot } from "./storage/storage.js";
import { Transaction } from "./transactions/transaction.js";
import { systemClock } from "./transport/clock.js";
import { createTransport } from "./transport/fetch.js";
import { DEFAULT_RETRIES } from "./transport/retry.js";
import type { Clock, Fetch, Transport } from "./transport/types.js";
import { serverUrl } from "./transport/url.js";

export interface ClientOptions {
  /** Of the server: `https://api.example.com`. */
  url: string;
  /** Instead of the platform's own. */
  fetch?: Fetch;
  /** Where the session is kept: `localStorage` where there is one, else memory. AsyncStorage and its like fit, too. */
  storage?: KeyValueStorage;
  /** Under which name. Two clients of one page need two names to be two users. */
  storageKey?: string;
  /** Instead of the platform's own; `null` for the event stream over `fetch`. */
  WebSocket?: WebSocketConstructor | null;
  /** A cache and an outbox on the device: `persistence` of `@basalt/client/offline`. */
  persistence?: Persistence;
  /** Milliseconds for one attempt of a call: 30,000. */
  timeout?: number;
  /** How often a call that may be repeated is tried again: 3. */
  retries?: number;
  /** Time and chance, for tests. */
  clock?: Clock;
}

type UserData<Schema> = Schema extends { users: infer U extends object } ? U : Record<string, Json>;

declare const functions: unique symbol;

/** Which functions a client's app has. Said by types alone, for `withFunctions` of `@basalt/client/functions`. */
export interface Functions<F> {
  readonly [functions]?: F;
}

export interface Client<Schema extends SchemaOf<Schema> = AnySchema, F = unknown> extends Functions<F> {
  readonly url: string;
  readonly auth: Auth<UserData<Schema>>;
  readonly realtime: Realtime;
  /** The cache and outbox; undefined without `persistence`. */
  readonly offline: OfflineControl | undefined;
  collection<N extends keyof Schema & string>(name: N): Collection<Schema[N]>;
  /** Up to 500 writes, all or none. */
  transaction(): Transaction<Schema>;
  /** Ends connections and listening. What is stored stays. */
  close(): Promise<void>;
}

export function createClient<Schema extends SchemaOf<Schema> = AnySchema, F = unknown>(
  options: ClientOptions,
): Client<Schema, F> {
  const { url, clock, fetch, storage, storageKey, timeout, transport, keeper, closeTabs } = foundation(options);
  let realtime: Realtime | null = null;
  const live = () => {
    realtime ??= createRealtime({ transport, tokens: keeper, url, clock, WebSocket: webSocketOf(options) });
    return realtime;
  };
  const online = onlineSource(transport, live);
  const attached = options.persistence?.attach(online, { tokens: keeper, transport, url, clock, storageKey });
  const context: DocumentContext = { source: attached ?? online, transport, clock };
  const guard = attached && { before: attached.beforeLogout.bind(attached), after: attached.wipe.bind(attached) };
  // So that `auth.user` is known soon; a storage that fails tells the first who asks.
  keeper.ready().catch(() => {});
  const inside: Inside = {
    ...context,
    storage,
    storageKey,
    timeout,
    fetch,
    hasOwnFetch: !!options.fetch,
    userId: () => keeper.userId(),
  };
  const client: Client<Schema, F> = {
    url,
    auth: new Auth<UserData<Schema>>(keeper, transport, () => guard ?? null),
    get realtime() {
      return live();
    },
    offline: attached,
    collection: (name) => new Collection(context, name),
    transaction: () => new Transaction<Schema>(context),
    close: async () => {
      closeTabs();
      realtime?.close();
      await attached?.close();
    },
  };
  return withInside(client, inside);
}

interface Foundation {
  url: string;
  clock: Clock;
  storage: KeyValueStorage;
  storageKey: string;
  timeout: number;
  fetch: Fetch;
  transport: Transport;
  keeper: SessionKeeper;
  closeTabs: () => void;
}

/** Transport and session, each of which needs the other. */
function foundation(options: ClientOptions): Foundation {
  const url = serverUrl(options.url);
  const clock = options.clock ?? systemClock;
  const timeout = options.timeout ?? 30_000;
  const storageKey = options.storageKey ?? `basalt.session.${url}`;
  const storage = options.storage ?? defaultStorage();
  // What only this process has needs nobody to be told of.
  const shared = options.storage !== undefined || storage === (globalThis as { localStorage?: unknown }).localStorage;
  // A server makes clients by the thousand, and has no tabs that could follow them.
  const inBrowser = typeof document !== "undefined" || "WorkerGlobalScope" in globalThis;
  const tabs = openTabs(storageKey, shared && inBrowser ? browserPlatform() : {}, clock);
  const fetch = fetchOf(options);
  const transport: Transport = createTransport({
    url,
    clock,
    fetch,
    timeout,
    retry: { ...DEFAULT_RETRIES, retries: options.retries ?? DEFAULT_RETRIES.retries },
    tokens: () => keeper,
  });
  const refresh = (token: string) => refreshSession(transport, clock, token);
  const keeper = new SessionKeeper({ slot: new Slot(storage, storageKey), tabs, clock, refresh });
  return { url, clock, fetch, storage, storageKey, timeout, transport, keeper, closeTabs: tabs.close };
}
