/** One thing that is wrong in what was sent; `path` is a JSON Pointer, filters carry `line` and `column`. */
export type ErrorDetail = {
  path?: string;
  code?: string;
  message?: string;
  line?: number;
  column?: number;
};

/** What a `BasaltError` is made of. */
export interface ErrorParts {
  code: string;
  message: string;
  /** The HTTP status; 0 when there was no answer. */
  status?: number;
  /** What else the server's problem document says: `title`, `operation`, … */
  details?: Readonly<Record<string, unknown>>;
  requestId?: string | null;
  errors?: ErrorDetail[];
  /** Milliseconds after which the server wants to be asked again. */
  retryAfter?: number;
  cause?: unknown;
}

/**
 * The only error that the SDK throws. `code` is stable: the server's codes, and the SDK's own `network` (no answer),
 * `timeout`, `aborted`, `bad_answer` (not what the API promises), `bad_argument`, `no_session`, `closed`,
 * `pending_writes`, `service_key_in_browser`; and of the offline room `offline`, `outbox_full`, `write_under_way`,
 * `conflict`, `storage`.
 */
export class BasaltError extends Error {
  override readonly name = "BasaltError";
  readonly code: string;
  readonly status: number;
  readonly details: Readonly<Record<string, unknown>>;
  readonly requestId: string | null;
  readonly errors: ErrorDetail[];
  readonly retryAfter: number | undefined;

  constructor(parts: ErrorParts) {
    super(parts.message, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.code = parts.code;
    this.status = parts.status ?? 0;
    this.details = parts.details ?? {};
    this.requestId = parts.requestId ?? null;
    this.errors = parts.errors ?? [];
    this.retryAfter = parts.retryAfter;
  }
}

/** Whether this is a `BasaltError`, of this code when one is given; holds across copies of the package, too. */
export function isBasaltError(error: unknown, code?: string): error is BasaltError {
  if (!(error instanceof Error) || error.name !== "BasaltError") return false;
  return code === undefined || (error as BasaltError).code === code;
}

/** Bad input, found before anything was sent. */
export function badArgument(message: string): BasaltError {
  return new BasaltError({ code: "bad_argument", message });
}
