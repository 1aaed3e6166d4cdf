import type { TokenSource } from "../auth/types.js";
import type { Document, DocumentSource, Json, Mutation } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";

/** One thing to store; `value` undefined deletes. */
export interface StoreChange {
  key: string;
  value?: unknown;
  /** Leaves what is stored alone when that has a later `at`: of two tabs the one that is behind doesn't win. */
  at?: string;
}

/**
 * Where cache and outbox are kept: texts to JSON values. Everything that belongs together comes in one `commit`.
 * Write one of these for a store of your own; `memory()`, `indexedDb()` and `sqlite()` are such.
 */
export interface Adapter {
  /** Who shares the store has the same name: tabs find each other by it. */
  readonly name: string;
  /** All entries whose keys begin so, in the order of their keys. */
  read(prefix: string): Promise<Array<[key: string, value: unknown]>>;
  /** All or none, durable when it resolves. With `expect`, only where that key holds that text now; says whether. */
  commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean>;
  /** Deletes all keys that begin so. */
  clear(prefix: string): Promise<void>;
  close?(): Promise<void>;
}

export interface Conflict {
  /** Of the write; `resolve(id, …)` takes it. */
  id: string;
  collection: string;
  documentId: string;
  mutation: Mutation;
  /** The document that the write was made on; null where there was none, or it was unknown. */
  base: Document | null;
  /** What the write makes of `base`; null for a delete. */
  mine: Document | null;
  /** The document as the server has it; null where it is gone or may not be read. */
  theirs: Document | null;
  /** The top-level fields that both changed, to different values. */
  fields: string[];
}

/** `mine`: write mine over theirs; `theirs`: drop my write; fields: what the document shall be. */
export type Resolution = "mine" | "theirs" | { document: Record<string, Json> };

/**
 * What to do when a document was changed by others since the write was made:
 * - `last-write-wins`: nothing is compared; the write goes through.
 * - `reject`: the write is taken back, and a conflict is shown.
 * - `merge`: fields that only one side changed are merged; the rest is a conflict, or is decided by `merge: "mine"`.
 * - a function: decides by itself; undefined shows the conflict.
 */
export type ConflictPolicy =
  | "last-write-wins"
  | "reject"
  | "merge"
  | { merge: "mine" | "theirs" }
  | ((conflict: Conflict) => Resolution | undefined | Promise<Resolution | undefined>);

export interface OfflineOptions {
  /** By collection; `*` for all others. `last-write-wins` where nothing is said. */
  conflicts?: Record<string, ConflictPolicy>;
  /** Whether what a refused write did stays visible (as failed) until it is retried or discarded. `rollback`. */
  onFailure?: "rollback" | "keep";
  limits?: {
    /** Documents in the cache: 10,000. Results that nobody watches and that were used longest ago go first. */
    documents?: number;
    /** Of their JSON: 20 MB. */
    bytes?: number;
    /** Results that are remembered: 50. */
    queries?: number;
    /** Writes that wait or failed: 10,000; the next is refused with `outbox_full`. */
    writes?: number;
  };
}

export type WriteState = "queued" | "failed" | "conflict";

/** A write that the server hasn't taken yet. */
export interface PendingWrite {
  id: string;
  collection: string;
  documentId: string;
  kind: Mutation["kind"];
  mutation: Mutation;
  state: WriteState;
  /** When it was made, RFC 3339. */
  madeAt: string;
  /** Why it failed. */
  error: BasaltError | undefined;
}

/** `client.offline`. */
export interface OfflineControl {
  /** What hasn't reached the server, in order: queued, failed and in conflict. */
  pending(): Promise<PendingWrite[]>;
  /** Called with the list now and after each change of it. Gives the function that ends the listening. */
  onPending(listener: (writes: PendingWrite[]) => void): () => void;
  /** Those that nobody has resolved. They are kept across restarts. */
  conflicts(): Promise<Conflict[]>;
  /** Called with each conflict that is there or comes up. Gives the function that ends the listening. */
  onConflict(listener: (conflict: Conflict) => void): () => void;
  /** Sends a failed write once more. */
  retry(id: string): Promise<void>;
  /** Drops a write that hasn't been taken. One that may be under way can't be: `write_under_way`. */
  discard(id: string): Promise<void>;
  resolve(id: string, resolution: Resolution): Promise<void>;
  /** Sends what waits and asks anew for what is remembered; rejects where the server can't be reached. */
  sync(): Promise<void>;
  /** `pending_writes` where writes would be lost and `discard` isn't said. */
  beforeLogout(options?: { discard?: boolean | undefined }): Promise<void>;
  /** Forget cache and outbox: the user is gone. */
  wipe(): Promise<void>;
  /** Stop the work of this client; what is stored stays. */
  close(): Promise<void>;
}

export interface PersistenceContext {
  tokens: TokenSource;
  transport: Transport;
  url: string;
  clock: Clock;
  /** Names the session, so that two clients in one page keep apart. */
  storageKey: string;
}

/** What `createClient({ persistence })` receives; made by `@basalt/client/offline`. */
export interface Persistence {
  attach(online: DocumentSource, context: PersistenceContext): DocumentSource & OfflineControl;
}
