import { BasaltError, type ErrorDetail } from "../errors.js";

/** RFC 9457's members that have a place of their own in the error. */
const KNOWN = new Set(["type", "status", "code", "detail", "requestId", "errors"]);
/** A proxy's page of HTML is not worth more. */
const MOST_TEXT = 200;

/** What a refused request says, also when the refusal is no problem document but a proxy's. */
export function problemOf(response: Response, text: string, now: number): BasaltError {
  const problem = parsed(text);
  const code = typeof problem.code === "string" ? problem.code : codeOf(response.status);
  const detail = problem.detail ?? problem.title;
  const fallback = `The server answered ${response.status}: ${text.slice(0, MOST_TEXT)}`;
  return new BasaltError({
    code,
    message: typeof detail === "string" ? detail : fallback,
    status: response.status,
    details: Object.fromEntries(Object.entries(problem).filter(([name]) => !KNOWN.has(name))),
    requestId: typeof problem.requestId === "string" ? problem.requestId : response.headers.get("x-request-id"),
    errors: Array.isArray(problem.errors) ? (problem.errors as ErrorDetail[]) : [],
    retryAfter: retryAfter(response.headers.get("retry-after"), now),
  });
}

function parsed(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

/** For answers of proxies, which know no codes. */
function codeOf(status: number): string {
  if (status === 429) return "rate_limited";
  if (status === 502 || status === 503 || status === 504) return "unavailable";
  return status >= 500 ? "internal" : "bad_answer";
}

/** Seconds or a date (RFC 9110), as milliseconds from now. */
function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  const seconds = Number(header);
  const wait = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - now;
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}
