import type { TokenSource } from "../auth/types.js";
import type { DocumentSource } from "../documents/types.js";
import type { Clock, Transport } from "../transport/types.js";

/** What the client needs of the offline room; its owner adds what apps see (states, conflicts). */
export interface OfflineControl {
  /** How many writes have not reached the server. */
  pending(): Promise<number>;
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
