import { BasaltError } from "../errors.js";

/** The longest source of an expression, in bytes of UTF-8; as on the server. */
export const SOURCE_BYTES = 8 << 10;
/** The deepest nesting of an expression. */
export const DEPTH = 32;
/** Steps that one evaluation may take. */
export const STEPS = 10_000;
/** Values of one `in` list that is written out. */
export const IN_LIST = 1_000;

/** Line and column of an offset in a source, both from 1; columns count code points, as the server's do. */
export function place(source: string, offset: number): { line: number; column: number } {
  const lines = source.slice(0, offset).split("\n");
  return { line: lines.length, column: [...(lines[lines.length - 1] ?? "")].length + 1 };
}

/**
 * What a source's fault is thrown as: `bad_filter` like the server's answer, or `server_only` where the source is right
 * but only the server can say what it means.
 */
export function fault(source: string, offset: number, message: string, code = "bad_filter"): BasaltError {
  const at = place(source, offset);
  return new BasaltError({
    code,
    message: `Line ${at.line}, column ${at.column}: ${message}`,
    errors: [{ path: "/filter", code, message, ...at }],
  });
}

/**
 * Why an evaluation has no value: the third truth value. It is no `Error`, since it is an ordinary outcome which is
 * often absorbed (`err || true`), and a stack trace would be its main cost.
 */
export class Failure {
  constructor(
    readonly why: string,
    /** Whether the steps ran out: then the whole evaluation ends, and nothing absorbs it. */
    readonly exhausted = false,
  ) {}
}

export function fail(why: string): never {
  throw new Failure(why);
}
