import { fail } from "./faults.js";
import { compareText } from "./text.js";

/** A value that JSON doesn't have. A float is one only where a plain number would be an integer, such as `1.0`. */
export class Box {
  constructor(
    readonly type: "double" | "timestamp" | "duration" | "type",
    /** A timestamp's milliseconds, a duration's nanoseconds (a bigint within 64 bits), a type's name. */
    readonly value: number | bigint | string,
  ) {}
}

/**
 * What an expression computes with. JSON stands for itself. An integer is a number, or a bigint beyond 2^53 where it
 * was written or computed in the expression; JSON has no floats of integral value, so `1.0` in a document is `1`, here
 * as on the server.
 */
export type Value = null | boolean | number | bigint | string | Box | readonly Value[] | Members;
export type Members = { readonly [key: string]: Value };

export const TYPES = /^(null_type|bool|int|double|string|list|map|timestamp|duration|type)$/;
const LIMIT = 2 ** 63;

/** Whether a number of JSON is an integer on the server: integral, and within 64 bits. */
export function isInteger(value: number): boolean {
  return Number.isInteger(value) && value >= -LIMIT && value < LIMIT;
}

/** The name of a value's type, as `type(x)` gives it. */
export function typeOf(value: Value): string {
  switch (typeof value) {
    case "boolean":
      return "bool";
    case "number":
      return isInteger(value) ? "int" : "double";
    case "bigint":
      return "int";
    case "string":
      return "string";
    default:
      if (value === null) return "null_type";
      if (value instanceof Box) return value.type;
      return Array.isArray(value) ? "list" : "map";
  }
}

export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

export function isMap(value: Value): value is Members {
  return typeOf(value) === "map";
}

/** A member of a map; undefined where there is none. What a prototype has is none. */
export function member<T>(map: { readonly [key: string]: T }, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/** A value without its box. JavaScript compares numbers and bigints exactly. */
export function raw(value: Value): Value {
  return value instanceof Box ? value.value : value;
}

export function isNumber(value: Value): boolean {
  return typeof value === "number" || typeof value === "bigint" || (value instanceof Box && value.type === "double");
}

/** A timestamp or a duration. */
export function isTime(value: Value): value is Box {
  return value instanceof Box && /^(timestamp|duration)$/.test(value.type);
}

/** A text; any other value is an error. */
export function text(value: Value): string {
  return typeof value === "string" ? value : fail();
}

/** An integer, as a number where that is exact; an error beyond 64 bits. */
export function whole(value: bigint): number | bigint {
  if (BigInt.asIntN(64, value) !== value) fail();
  const plain = Number(value);
  return Number.isSafeInteger(plain) ? plain : value;
}

/** A float, which has to be finite. */
export function float(value: number): Value {
  if (!Number.isFinite(value)) fail();
  return isInteger(value) ? new Box("double", value) : value;
}

/** The order of two values: numbers, texts, timestamps and durations, each among themselves; else none. */
export function order(left: Value, right: Value): number | undefined {
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const isOrdered = isNumber(left) ? isNumber(right) : isTime(left) && isTime(right) && left.type === right.type;
  if (!isOrdered) return undefined;
  const [a, b] = [raw(left), raw(right)] as [number, number];
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Equality; lists and maps deeply, numbers by value, values of different types never. `step` counts each element. */
export function equal(left: Value, right: Value, step: () => void): boolean {
  if (typeof left !== "object" && left === right) return true;
  const isSame = (a: Value | undefined, b: Value | undefined) => {
    step();
    return a !== undefined && b !== undefined && equal(a, b, step);
  };
  if (isList(left)) {
    return isList(right) && left.length === right.length && left.every((item, index) => isSame(item, right[index]));
  }
  if (!isMap(left)) return (typeOf(left) === typeOf(right) && raw(left) === raw(right)) || order(left, right) === 0;
  if (!isMap(right)) return false;
  const names = Object.keys(left);
  const isAsLong = names.length === Object.keys(right).length;
  return isAsLong && names.every((name) => isSame(left[name], member(right, name)));
}

/** A map of keys and values that take turns. It has no prototype: any key is a member like others. */
export function mapOf(turns: readonly Value[]): Members {
  const members: Record<string, Value> = Object.create(null);
  for (let at = 0; at < turns.length; at += 2) {
    const key = text(turns[at] ?? null);
    if (key in members) fail();
    members[key] = turns[at + 1] ?? null;
  }
  return members;
}
