import type { Inside } from "../inside.js";
import type { ApiRequest } from "../transport/types.js";
import { progressFetch } from "../transport/xhr.js";
import type { Bytes } from "./bytes.js";
import type { FileMetadata, UploadOptions } from "./types.js";

/** What is to be uploaded, and where to. */
export interface Task<Data> {
  inside: Inside;
  bucket: string;
  path: string;
  bytes: Bytes;
  contentType: string;
  options: UploadOptions<Data>;
}

/** From a start, or a `resume`, until it is done or interrupted. */
export interface Turn {
  signal: AbortSignal;
  /** So many bytes are there, or on the way. */
  sent(bytes: number): void;
  /** Something went wrong, and the next try is a while away. */
  waiting(): void;
}

/** One of the ways in which bytes get to the server. */
export interface Way<Data> {
  /** Sends what is missing: at first all, after an interruption what the way allows. */
  send(turn: Turn): Promise<FileMetadata<Data>>;
  /** Nobody goes on with it. */
  abandon(): Promise<void>;
}

/** Bytes per millisecond. Who can't see how far a body is gives up when it must be slower than this. */
const SLOWEST = 16;

/** How a request with a big body is sent: with progress where the platform tells of it, and as long as it gets on. */
export function bigBody(
  inside: Inside,
  size: number,
  onSent: (bytes: number) => void,
): Pick<ApiRequest, "fetch" | "timeout"> {
  const { clock, timeout } = inside;
  const fetch = inside.hasOwnFetch ? null : progressFetch({ clock, silence: timeout, onSent });
  if (fetch) return { fetch, timeout: 0 };
  return { timeout: timeout > 0 ? timeout + size / SLOWEST : 0 };
}
