import { fail } from "./faults.js";
import { compareText } from "./text.js";

/** A float that a plain number would show as an integer, such as `1.0`. */
export class Double {
  private constructor(readonly value: number) {}

  /** A float: plain where no integer has its value. */
  static of(value: number): number | Double {
    return isInteger(value) ? new Double(value) : value;
  }
}

/** A timestamp, in whole milliseconds. */
export class Instant {
  constructor(readonly millis: number) {}
}

/** A duration, in nanoseconds within the range of 64 bits. */
export class Span {
  constructor(readonly nanos: bigint) {}
}

/** A type, as `type(x)` gives it. */
export class TypeName {
  constructor(readonly name: string) {}
}

/**
 * What an expression computes with. JSON stands for itself. An integer is a number, or a bigint beyond 2^53 where it
 * was written or computed in the expression; JSON has no floats of integral value, so `1.0` in a document is `1`, here
 * as on the server.
 */
export type Value =
  | null
  | boolean
  | number
  | bigint
  | string
  | Double
  | Instant
  | Span
  | TypeName
  | readonly Value[]
  | { readonly [key: string]: Value };

export type Members = { readonly [key: string]: Value };

export const TYPES = ["null_type", "bool", "int", "double", "string", "list", "map", "timestamp", "duration", "type"];

const LIMIT = 2 ** 63;

/** Whether a number of JSON is an integer on the server: integral, and within 64 bits. */
export function isInteger(value: number): boolean {
  return Number.isInteger(value) && value >= -LIMIT && value < LIMIT;
}

/** An integer within 64 bits, as a number where that is exact. */
export function whole(value: bigint): number | bigint | undefined {
  if (BigInt.asIntN(64, value) !== value) return undefined;
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : value;
}

export function typeOf(value: Value): string {
  if (value === null) return "null_type";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return isInteger(value) ? "int" : "double";
  if (typeof value === "bigint") return "int";
  if (typeof value === "string") return "string";
  if (value instanceof Double) return "double";
  if (value instanceof Instant) return "timestamp";
  if (value instanceof Span) return "duration";
  if (value instanceof TypeName) return "type";
  return Array.isArray(value) ? "list" : "map";
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is Members {
  return typeof value === "object" && typeOf(value) === "map";
}

/** A member of a map; undefined where there is none. A map's prototype is none of its members. */
export function member(map: Members, key: string): Value | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** A number's own value, which JavaScript compares exactly whether it is a number or a bigint; else undefined. */
export function numeric(value: Value): number | bigint | undefined {
  if (typeof value === "number" || typeof value === "bigint") return value;
  return value instanceof Double ? value.value : undefined;
}

/** A number, text, timestamp or duration as what `<` and `>` compare; texts are compared by code points. */
function ordinal(value: Value): number | bigint | undefined {
  if (value instanceof Instant) return value.millis;
  return value instanceof Span ? value.nanos : numeric(value);
}

/** The order of two values: numbers, texts, timestamps and durations, each among themselves; else none. */
export function order(left: Value, right: Value): number | undefined {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  if (left instanceof Instant !== right instanceof Instant || left instanceof Span !== right instanceof Span) return;
  const [a, b] = [ordinal(left), ordinal(right)];
  if (a === undefined || b === undefined) return undefined;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Equality; lists and maps deeply, numbers by value, values of different types never. `step` counts each element. */
export function equal(left: Value, right: Value, step: () => void): boolean {
  // The same list twice costs as much as two: so that an evaluation ends where the server's does.
  if (left === right && (left === null || typeof left !== "object")) return true;
  if (isList(left)) {
    if (!isList(right) || left.length !== right.length) return false;
    return left.every((item, index) => {
      step();
      return equal(item, right[index] ?? null, step);
    });
  }
  if (left instanceof TypeName) return right instanceof TypeName && left.name === right.name;
  if (isMap(left)) {
    if (!isMap(right)) return false;
    const names = Object.keys(left);
    if (names.length !== Object.keys(right).length) return false;
    return names.every((name) => {
      step();
      const [own, other] = [member(left, name), member(right, name)];
      return own !== undefined && other !== undefined && equal(own, other, step);
    });
  }
  return typeof left !== "string" && order(left, right) === 0;
}

const PHRASES: Record<string, string> = {
  null_type: "null",
  bool: "a boolean",
  int: "a number",
  double: "a number",
  string: "a text",
};

/** Says that one thing is needed and another is there. */
export function unfit(wanted: string, found: Value): never {
  const type = typeOf(found);
  return fail(`${wanted} is needed, and this is ${PHRASES[type] ?? `a ${type}`}`);
}
