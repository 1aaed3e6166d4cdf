import type { CallOptions } from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import { readNdjson } from "../transport/lines.js";
import type { Transport } from "../transport/types.js";
import type { ImportLine } from "./types.js";

/** Documents one by one, or NDJSON as it is. */
export type ImportSource =
  | Iterable<object>
  | AsyncIterable<object>
  | string
  | Uint8Array
  | Blob
  | ReadableStream<Uint8Array>;

export interface ImportOptions extends CallOptions {
  /** `create`: one that is there is a failure; `replace`: one that isn't; `upsert`: both are written. */
  mode?: "create" | "replace" | "upsert";
  /** `false`: before-hooks are not asked. */
  hooks?: boolean;
  /** Begins with this line, counted from 1. */
  from?: number;
  /** Told of each failure as it comes. */
  onFailure?: (failure: ImportLine) => void;
  /** Told, batch by batch, up to which line every line is decided. */
  onProgress?: (lastLine: number) => void;
}

export interface ImportResult {
  created: number;
  replaced: number;
  failed: number;
  lastLine: number;
  /** The first hundred; `onFailure` is told of all. */
  failures: ImportLine[];
}

/** A failure, how far it is, or the last line. */
type Line = ImportLine & { progress?: { lastLine: number } };

const MOST_FAILURES = 100;
const NDJSON = "application/x-ndjson";
/** Bytes that are put together before they are sent. */
const PIECE = 64 << 10;

/**
 * Sends lines and reads what becomes of them. Where it stops half-way the error's `details.lastLine` says how far it
 * came: go on with `from` one higher.
 */
export async function importLines(
  transport: Transport,
  path: string,
  source: ImportSource,
  options: ImportOptions = {},
): Promise<ImportResult> {
  const { mode, hooks, from, onFailure, onProgress, ...call } = options;
  const stream = await transport.stream({
    timeout: 0,
    ...call,
    method: "POST",
    path,
    query: { mode, hooks, from, progress: true },
    headers: { "content-type": NDJSON },
    accept: NDJSON,
    body: isLines(source) ? ndjson(source) : source,
  });
  const failures: ImportLine[] = [];
  let lastLine = (from ?? 1) - 1;
  let last: ImportLine | null = null;
  try {
    for await (const line of readNdjson<Line>(stream)) {
      if (typeof line.done === "boolean") last = line;
      else if (line.progress) {
        lastLine = line.progress.lastLine;
        onProgress?.(lastLine);
      } else {
        if (failures.length < MOST_FAILURES) failures.push(line);
        onFailure?.(line);
      }
    }
  } catch (error) {
    if (!isBasaltError(error)) throw error;
    throw stopped(error.code, error.message, lastLine, error);
  }
  if (last === null) throw stopped("network", "The import broke off.", lastLine);
  return resultOf(last, failures);
}

function resultOf(line: ImportLine, failures: ImportLine[]): ImportResult {
  const { created, replaced, failed, lastLine, done } = line;
  if (!done) {
    const why = line.error as { code?: string; detail?: string } | undefined;
    throw stopped(why?.code ?? "unavailable", why?.detail ?? "The import stopped.", lastLine ?? 0);
  }
  return { created: created ?? 0, replaced: replaced ?? 0, failed: failed ?? 0, lastLine: lastLine ?? 0, failures };
}

function stopped(code: string, message: string, lastLine: number, cause?: unknown): BasaltError {
  return new BasaltError({ code, message, details: { lastLine }, cause });
}

function isLines(source: ImportSource): source is Iterable<object> | AsyncIterable<object> {
  if (typeof source === "string" || source instanceof Uint8Array) return false;
  if (typeof ReadableStream !== "undefined" && source instanceof ReadableStream) return false;
  return !(typeof Blob !== "undefined" && source instanceof Blob);
}

/** Made as it is asked for: an import of any length takes constant memory. */
function ndjson(source: Iterable<object> | AsyncIterable<object>): ReadableStream<Uint8Array> {
  const lines = Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      let piece = "";
      while (piece.length < PIECE) {
        const { done, value } = await lines.next();
        if (done) {
          if (piece !== "") controller.enqueue(encoder.encode(piece));
          return controller.close();
        }
        piece += `${JSON.stringify(value)}\n`;
      }
      controller.enqueue(encoder.encode(piece));
    },
    async cancel() {
      await lines.return?.();
    },
  });
}
