import type { BasaltError } from "../errors.js";
import { isStream } from "./body.js";
import type { ApiRequest, Clock } from "./types.js";

export interface RetryPolicy {
  /** How often a call is tried again at most. */
  retries: number;
  /** Milliseconds of the first wait at most; each further one may be twice as long. */
  firstWait: number;
  longestWait: number;
  /** Who is told to wait longer than this gets the error instead. */
  longestRetryAfter: number;
}

export const DEFAULT_RETRIES: RetryPolicy = {
  retries: 3,
  firstWait: 300,
  longestWait: 8_000,
  longestRetryAfter: 20_000,
};

/** Refused before anything was done, so anything may be sent again. */
const NOT_DONE = new Set(["rate_limited", "overloaded", "idempotency_in_progress"]);
/** Done or not: only what has the same effect twice may be sent again. */
const UNKNOWN = new Set(["network", "timeout", "outcome_unknown", "unavailable"]);

/** Whether the same request may be sent again after this error. */
export function mayRepeat(error: BasaltError, request: ApiRequest, key: string | null): boolean {
  if (NOT_DONE.has(error.code)) return true;
  // A body that is a stream has been read, and is not there a second time.
  if (!UNKNOWN.has(error.code) || isStream(request.body)) return false;
  return (
    request.method === "GET" ||
    request.method === "HEAD" ||
    request.safe === true ||
    key !== null ||
    isPlainPut(request)
  );
}

/** A PUT without conditions has the same effect twice; with one, the second is refused for what the first did. */
function isPlainPut(request: ApiRequest): boolean {
  if (request.method !== "PUT" || request.query?.where !== undefined) return false;
  return !Object.keys(request.headers ?? {}).some((name) => /^if-(none-)?match$/i.test(name));
}

/**
 * Milliseconds to wait before the next try, or null when it isn't worth waiting. Full jitter: a crowd that was refused
 * together doesn't come back together; what the server says is the least.
 */
export function waitFor(error: BasaltError, attempt: number, policy: RetryPolicy, clock: Clock): number | null {
  const most = Math.min(policy.longestWait, policy.firstWait * 2 ** attempt);
  const wait = clock.random() * most;
  if (error.retryAfter === undefined) return wait;
  return error.retryAfter > policy.longestRetryAfter ? null : error.retryAfter + wait;
}
