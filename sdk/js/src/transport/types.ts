export type Method = "GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface ApiRequest {
  method: Method;
  /** Below the server's URL, e.g. `/v1/auth/me`, or a whole URL; its parts are already percent-encoded. */
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  /** Sent as JSON; a string, bytes or a stream with a `content-type` header of its own goes as it is. */
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Milliseconds for one attempt; 0 for none. */
  timeout?: number;
  /** A key of the caller's own, or `false` for none; otherwise writes of a signed-in caller get one. */
  idempotencyKey?: string | false;
  /** A POST that only reads, and may be repeated like a GET. */
  safe?: boolean;
  /** How often it is tried again at most; the client's setting where nothing is said. */
  retries?: number;
  /** Send no token. */
  anonymous?: boolean;
  accept?: string;
  /** Instead of the client's: one that tells of progress. */
  fetch?: Fetch;
}

export interface ApiAnswer<T> {
  data: T;
  status: number;
  /** The `ETag` as sent, quotes included. */
  etag: string | null;
  /** `Basalt-Seq`: the write's place in the log. */
  seq: string | null;
  requestId: string | null;
  /** The server had done this already and repeated its answer. */
  replayed: boolean;
  headers: Headers;
}

export type AnswerHead = Pick<ApiAnswer<unknown>, "status" | "seq" | "requestId">;

export interface Transport {
  /** The server's URL without a slash at its end. */
  readonly url: string;
  request<T>(request: ApiRequest): Promise<ApiAnswer<T>>;
  /** The answer with its body unread; errors are thrown as by `request`. */
  response(request: ApiRequest): Promise<Response>;
  /** SSE and NDJSON; errors before the first byte are thrown as `BasaltError`. `onHead` is told of the answer first. */
  stream(request: ApiRequest, onHead?: (head: AnswerHead) => void): Promise<ReadableStream<Uint8Array>>;
}

/** Time and chance, so that tests can decide both. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Ends early, with the signal's reason thrown as `aborted`, when the signal fires. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** At least 0, below 1. */
  random(): number;
}

export type Fetch = (input: string, init?: RequestInit) => Promise<Response>;
