/** What a connection is given, and what it tells. */
import type { TokenSource } from "../auth/types.js";
import type { BasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";
import type { JoinFields, ServerFrame, SubscribeFields } from "./frames.js";
import type { Surroundings } from "./timing.js";
import type { ConnectionState, WebSocketConstructor } from "./types.js";

/** What is said over the connection, and who hears what comes. */
export interface Owner {
  /** All that has to be asked for on a new link, with the places that were reached. */
  wanted(): { subscriptions: SubscribeFields[]; channels: JoinFields[] };
  /** Everything that was wanted has been asked for. */
  opened(): void;
  frame(frame: ServerFrame): void;
  /** What came in part won't be finished. */
  restarted(): void;
  /** The link is gone; another one is tried for. */
  lost(): void;
  /** The server refuses this client whatever it asks for. */
  refused(error: BasaltError): void;
  /** Somebody else than before; `hadUser`: what is known was for the eyes of another. */
  changedHands(hadUser: boolean): void;
  stateChanged(state: ConnectionState): void;
}

export interface ConnectionOptions {
  transport: Transport;
  tokens: TokenSource;
  clock: Clock;
  surroundings: Surroundings;
  WebSocket?: WebSocketConstructor | undefined;
}
