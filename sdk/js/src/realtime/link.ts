/** The seam between what is said (frames) and how it travels: a WebSocket, or an event stream over `fetch`. */
import type { BasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";
import type { ClientFrame, ServerFrame } from "./frames.js";

export interface LinkEvents {
  /** Frames can be sent from here on. */
  opened(): void;
  /** The first sign of the server: this way to it works. */
  alive(): void;
  frame(frame: ServerFrame): void;
  /** The stream was asked for anew: a commit that has come in part comes again, whole. */
  restarted(): void;
  /** The end, once, whoever caused it (but `close()`). */
  closed(cause: BasaltError | null): void;
}

export interface Link {
  /** `false`: it can't be taken now. */
  send(frame: ClientFrame): boolean;
  /** Finds out soon whether the other side is still there. */
  probe(): void;
  /** No event comes after this. */
  close(): void;
}

export interface LinkContext {
  transport: Transport;
  clock: Clock;
}
