/** What becomes of an upload that a request failed for: whether it is tried again, and when. */
import { type BasaltError, isBasaltError } from "../errors.js";
import { DEFAULT_RETRIES, mayRepeat, waitFor } from "../transport/retry.js";
import type { Clock } from "../transport/types.js";

/** Tries in a row that got nothing further. With their waits they take a good minute. */
const MOST_TRIES = 24;
/** How often the server may have lost the whole upload. */
const MOST_LOSSES = 3;

/** Somebody else was there, or bytes went astray: what the server has is asked for, and sent from there. */
const OUT_OF_STEP = new Set(["offset_mismatch", "checksum_mismatch", "upload_locked"]);
const LOST = new Set(["upload_not_found", "upload_expired"]);

export class Patience {
  #furthest = 0;
  #tries = 0;
  #losses = 0;

  constructor(private readonly clock: Clock) {}

  /** The server has so many bytes. */
  reached(offset: number): void {
    if (offset <= this.#furthest) return;
    this.#furthest = offset;
    this.#tries = 0;
  }

  /** The server has lost the upload, and a new one begins. */
  lost(error: unknown): void {
    this.#losses += 1;
    this.#furthest = 0;
    if (this.#losses > MOST_LOSSES) throw error;
  }

  /** Milliseconds until the next try; throws what can't be healed by one. */
  after(error: unknown): number {
    if (!isBasaltError(error) || !mayHeal(error)) throw error;
    const wait = this.#tries < MOST_TRIES ? waitFor(error, this.#tries, DEFAULT_RETRIES, this.clock) : null;
    if (wait === null) throw error;
    this.#tries += 1;
    return wait;
  }
}

/** The upload isn't there: it expired, was ended, or the server was set back. */
export function isLost(error: unknown): boolean {
  if (!isBasaltError(error)) return false;
  return LOST.has(error.code) || (hasNoCode(error) && (error.status === 404 || error.status === 410));
}

/** A proxy before the server takes no body of this size: the server's own refusals are problem documents. */
export function isTooBigForProxy(error: unknown): boolean {
  return isBasaltError(error, "bad_answer") && error.status === 413;
}

/** The answer to a HEAD has no body that it could be in. */
function hasNoCode(error: BasaltError): boolean {
  return error.code === "bad_answer";
}

function mayHeal(error: BasaltError): boolean {
  if (OUT_OF_STEP.has(error.code) || isLost(error) || isTooBigForProxy(error)) return true;
  if (hasNoCode(error) && (error.status === 409 || error.status === 423)) return true;
  return error.status === 500 || mayRepeat(error, { method: "GET", path: "" }, null);
}
