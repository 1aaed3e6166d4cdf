import { BasaltError } from "../errors.js";

/** The longest source of an expression, in bytes of UTF-8; as on the server. */
export const SOURCE_BYTES = 8 << 10;
/** The deepest nesting of an expression. */
export const DEPTH = 32;
/** Steps that one evaluation may take. */
export const STEPS = 10_000;
/** Values of one `in` list that is written out. */
export const IN_LIST = 1_000;

/**
 * What a source's fault is thrown as: `bad_filter` like the server's answer, or `server_only` where the source may be
 * right but only the server can say what it means. Line and column count from 1, columns in code points.
 */
export function fault(source: string, offset: number, message: string, code = "bad_filter"): BasaltError {
  const lines = source.slice(0, offset).split("\n");
  const [line, column] = [lines.length, [...(lines.pop() ?? "")].length + 1];
  return new BasaltError({
    code,
    message: `Line ${line}, column ${column}: ${message}`,
    errors: [{ path: "/filter", code, message, line, column }],
  });
}

/**
 * The third truth value, thrown. It is no `Error`, since it is an ordinary outcome which is often absorbed
 * (`err || true`), and a stack trace would be its main cost.
 */
export const FAILED = { truth: "error" };
/** Thrown when the steps run out: ends the whole evaluation, and nothing absorbs it. */
export const EXHAUSTED = { truth: "error" };

export function fail(): never {
  throw FAILED;
}
