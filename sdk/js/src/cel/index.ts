import { compileCondition } from "./compile.js";
import { Failure } from "./faults.js";
import { Machine } from "./machine.js";
import { parseTime } from "./time.js";
import type { Value } from "./values.js";

export { Failure } from "./faults.js";

/**
 * CEL over JSON, with the server's answers: true, false, or an error where a name is missing or a type doesn't fit.
 *
 * Numbers: a JSON number that is integral and within 64 bits is an integer, any other one a float, as on the server;
 * `1.0` and results of computations keep their kind within an expression. JavaScript reads JSON numbers beyond ±2^53
 * rounded, so about such numbers in documents the server may answer differently; those in the expression are exact.
 *
 * `get()`, `exists(collection, id)`, `limit()`, `unchanged()`, `matches()` and `request.ip`, `method` and `id` are the
 * server's: `compile` refuses them with the code `server_only`. The server refuses more in filters (what has no form in
 * SQL, such as the comparison of two fields); here that is evaluated.
 */
export interface Program {
  readonly source: string;
  /** Whether the result depends on `request.time`. */
  readonly usesTime: boolean;
  evaluate(names: Names): boolean | Failure;
}

/** What stands for an expression's names. */
export interface Names {
  /** A flat document. */
  doc?: unknown;
  /** Of rules; null (a visitor) where it is left out. */
  auth?: unknown;
  vars?: unknown;
  /** Without a time, `request.time` is an error. */
  request?: { time?: Date | string | number };
}

export interface CompileOptions {
  /** Take `auth`, which filters don't have. */
  auth?: boolean;
}

/**
 * Compiles an expression; a bare name is a field of the document. Throws a `BasaltError` with the code `bad_filter`, or
 * `server_only` (see `Program`), whose `errors` name line and column.
 */
export function compile(source: string, options: CompileOptions = {}): Program {
  const { ask, usesTime } = compileCondition(source, options.auth ?? false);
  return {
    source,
    usesTime,
    evaluate(names) {
      const bound = {
        doc: names.doc as Value | undefined,
        auth: (names.auth ?? null) as Value,
        vars: (names.vars ?? {}) as Value,
        time: millis(names.request?.time),
      };
      try {
        return ask(new Machine(bound));
      } catch (error) {
        if (error instanceof Failure) return error;
        throw error;
      }
    },
  };
}

function millis(time: Date | string | number | undefined): number | undefined {
  if (typeof time === "string") return parseTime(time);
  return time instanceof Date ? time.getTime() : time;
}
