import { badArgument } from "../errors.js";
import { randomId } from "./random.js";
import type { ApiRequest, Clock } from "./types.js";

/** Doors that ignore keys, so that no answer with a token in it is ever kept. */
const WITHOUT_KEYS = /^\/v1\/(auth|admin)\//;
const GOOD_KEY = /^[\x21-\x7e]{1,128}$/;

/** The key of a write, made when its caller gave none; null for reads, visitors and doors that take none. */
export function idempotencyKeyFor(request: ApiRequest, token: string | null, clock: Clock): string | null {
  const wanted = request.idempotencyKey;
  if (typeof wanted === "string" && !GOOD_KEY.test(wanted)) {
    throw badArgument("An idempotency key has 1 to 128 visible ASCII characters.");
  }
  if (request.method === "GET" || request.method === "HEAD" || request.safe === true || token === null) return null;
  if (wanted === false || WITHOUT_KEYS.test(request.path)) return null;
  return wanted ?? randomId(clock, 20);
}
