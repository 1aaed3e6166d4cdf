/**
 * The only place that calls `fetch`. One call is up to `1 + retries` attempts under one idempotency key, each with the
 * token of the moment; a token that the server refuses is renewed once.
 */
import type { TokenSource } from "../auth/types.js";
import { BasaltError } from "../errors.js";
import { type Attempt, networkError, startAttempt, unlessAborted } from "./attempt.js";
import { encodeBody } from "./body.js";
import { idempotencyKeyFor } from "./keys.js";
import { problemOf } from "./problem.js";
import { mayRepeat, type RetryPolicy, waitFor } from "./retry.js";
import type { AnswerHead, ApiAnswer, ApiRequest, Clock, Fetch, Transport } from "./types.js";
import { queryString } from "./url.js";

export interface TransportOptions {
  url: string;
  fetch: Fetch;
  clock: Clock;
  /** Milliseconds for one attempt. */
  timeout: number;
  retry: RetryPolicy;
  /** Asked late: the room of sessions is itself built on the transport. */
  tokens: () => TokenSource;
}

/** Codes that a new access token may heal; after `session_ended` the renewal finds that the session is over. */
const TOKEN_CODES = new Set(["invalid_token", "token_expired", "session_ended"]);

/** The answer to a HEAD has no body that could carry a code. */
function mayHeal(error: BasaltError, request: ApiRequest): boolean {
  return request.method === "HEAD" || TOKEN_CODES.has(error.code);
}

const VISITOR: Pick<TokenSource, "token" | "userId" | "refused"> = {
  token: async () => null,
  userId: async () => null,
  refused: async () => null,
};

export function createTransport(options: TransportOptions): Transport {
  return {
    url: options.url,
    request: <T>(request: ApiRequest) => call(options, request, readAnswer<T>),
    response: (request) => call(options, request, readNothing),
    stream: (request, onHead) => call(options, request, (response, attempt) => readStream(response, attempt, onHead)),
  };
}

type Read<T> = (response: Response, attempt: Attempt) => Promise<T>;

async function call<T>(options: TransportOptions, request: ApiRequest, read: Read<T>): Promise<T> {
  const { clock, retry } = options;
  const tokens = request.anonymous ? VISITOR : options.tokens();
  const retries = request.retries ?? retry.retries;
  const user = await unlessAborted(tokens.userId(), request.signal);
  let key: string | null = null;
  let renewed = false;
  for (let attempt = 0; ; attempt++) {
    let token = await unlessAborted(tokens.token(), request.signal);
    key ??= idempotencyKeyFor(request, token, clock);
    let error = await tried(() => send(options, request, token, key, read));
    if (!(error instanceof BasaltError)) return error.value;
    if (token !== null && !renewed && error.status === 401 && mayHeal(error, request)) {
      renewed = true;
      token = await unlessAborted(tokens.refused(token), request.signal);
      if (token === null || (await tokens.userId()) !== user) throw error;
      error = await tried(() => send(options, request, token, key, read));
      if (!(error instanceof BasaltError)) return error.value;
    }
    const wait = attempt < retries && mayRepeat(error, request, key) ? waitFor(error, attempt, retry, clock) : null;
    if (wait === null) throw error;
    await clock.sleep(wait, request.signal);
    // What one user asked for is not done as another who signed in meanwhile.
    if ((await tokens.userId()) !== user) throw error;
  }
}

/** The outcome as a value: a failure is looked at before it is thrown. */
async function tried<T>(work: () => Promise<T>): Promise<{ value: T } | BasaltError> {
  try {
    return { value: await work() };
  } catch (error) {
    if (error instanceof BasaltError) return error;
    throw error;
  }
}

async function send<T>(
  options: TransportOptions,
  request: ApiRequest,
  token: string | null,
  key: string | null,
  read: Read<T>,
): Promise<T> {
  const attempt = startAttempt(options.clock, request.timeout ?? options.timeout, request.signal);
  try {
    const base = request.path.startsWith("/") ? options.url : "";
    const url = `${base}${request.path}${queryString(request.query)}`;
    const init = initOf(request, token, key, attempt.signal);
    const response = await attempt.within((request.fetch ?? options.fetch)(url, init)).catch(rethrowAsOurs);
    if (response.ok) return await read(response, attempt);
    const text = await attempt.within(response.text()).catch(rethrowAsOurs);
    throw problemOf(response, text, options.clock.now());
  } finally {
    attempt.settle();
  }
}

function initOf(request: ApiRequest, token: string | null, key: string | null, signal: AbortSignal): RequestInit {
  const { body, contentType, streaming } = encodeBody(request);
  const headers: Record<string, string> = { accept: request.accept ?? "application/json", ...request.headers };
  if (contentType !== null) headers["content-type"] = contentType;
  if (token !== null) headers.authorization = `Bearer ${token}`;
  if (key !== null) headers["idempotency-key"] = key;
  const init: RequestInit & { duplex?: "half" } = { method: request.method, headers, signal };
  if (body !== undefined) init.body = body;
  // Node wants this said of a body that is still being made.
  if (streaming) init.duplex = "half";
  return init;
}

async function readAnswer<T>(response: Response, attempt: Attempt): Promise<ApiAnswer<T>> {
  const text = await attempt.within(response.text()).catch(rethrowAsOurs);
  const { headers } = response;
  return {
    data: dataOf<T>(response, text),
    status: response.status,
    etag: headers.get("etag"),
    seq: headers.get("basalt-seq"),
    requestId: headers.get("x-request-id"),
    replayed: headers.get("idempotency-replayed") === "true",
    headers,
  };
}

/** JSON where the answer says so; other texts (metrics) as they are. */
function dataOf<T>(response: Response, text: string): T {
  if (text === "") return null as T;
  if (!/[/+]json\b/.test(response.headers.get("content-type") ?? "")) return text as T;
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    const requestId = response.headers.get("x-request-id");
    const message = "The answer says that it is JSON and isn't.";
    throw new BasaltError({ code: "bad_answer", message, status: response.status, requestId, cause });
  }
}

async function readNothing(response: Response, attempt: Attempt): Promise<Response> {
  attempt.keepSignal();
  return response;
}

async function readStream(
  response: Response,
  attempt: Attempt,
  onHead?: (head: AnswerHead) => void,
): Promise<ReadableStream<Uint8Array>> {
  if (response.body) {
    onHead?.({
      status: response.status,
      seq: response.headers.get("basalt-seq"),
      requestId: response.headers.get("x-request-id"),
    });
    attempt.keepSignal();
    return response.body;
  }
  const message = "This environment's fetch gives no streams.";
  throw new BasaltError({ code: "bad_answer", message, status: response.status });
}

function rethrowAsOurs(error: unknown): never {
  throw networkError(error);
}
