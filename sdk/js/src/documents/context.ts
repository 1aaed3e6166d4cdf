import type { Clock, Transport } from "../transport/types.js";
import type { DocumentSource } from "./types.js";

/** What collections and queries work with. */
export interface DocumentContext {
  /** The server, or a cache in front of it. */
  source: DocumentSource;
  /** For what is always asked of the server. */
  transport: Transport;
  clock: Clock;
}
