import { Checker } from "./check.js";
import { Evaluation } from "./evaluate.js";
import { EXHAUSTED, FAILED } from "./faults.js";
import { parse } from "./syntax.js";
import { Box, type Value } from "./values.js";

/**
 * CEL over JSON, with the server's answers: true, false, or an error where a name is missing or a type doesn't fit.
 *
 * Numbers: a JSON number that is integral and within 64 bits is an integer, any other one a float, as on the server;
 * `1.0` and results of computations keep their kind within an expression. JavaScript reads JSON numbers beyond ±2^53
 * rounded, so about such numbers in documents the server may answer differently; those in the expression are exact.
 *
 * `get()`, `exists(collection, id)`, `limit()`, `unchanged()`, `matches()` and `request` but for its time are the
 * server's: `compile` refuses them with the code `server_only`. The server refuses more in filters: operations on types
 * that never fit, and what has no form in SQL, such as the comparison of two fields; here that is evaluated.
 */
export interface Program {
  readonly source: string;
  /** Whether the result depends on `request.time`. */
  readonly usesTime: boolean;
  evaluate(names: Bindings): boolean | "error";
}

/** What stands for an expression's names: JSON. */
export interface Bindings {
  /** A flat document. */
  doc?: unknown;
  /** Of rules; null (a visitor) where it is left out. */
  auth?: unknown;
  vars?: unknown;
  /** `request.time` in milliseconds; without it, that is an error. */
  time?: number;
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
  const checker = new Checker(source, options.auth ?? false);
  const root = checker.check(parse(source));
  return {
    source,
    usesTime: checker.usesTime,
    evaluate({ doc, auth = null, vars = {}, time }) {
      const names = { doc, auth, vars, time: time === undefined ? time : new Box("timestamp", time) };
      try {
        return new Evaluation(names as Record<string, Value | undefined>).condition(root);
      } catch (error) {
        if (error === FAILED || error === EXHAUSTED) return "error";
        throw error;
      }
    },
  };
}
