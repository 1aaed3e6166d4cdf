import { equal, member, type Value } from "../cel/values.js";
import type { Json } from "../documents/types.js";

export { member } from "../cel/values.js";

export type Members = { [key: string]: Json };

export function isMap(value: Json | undefined): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as the server would receive it: dates as texts, nothing that is undefined, no prototypes. */
export function plain<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** Equality of JSON; the order of a map's members doesn't matter. */
export function deepEqual(left: unknown, right: unknown): boolean {
  return left === right || equal(left as Value, right as Value, () => undefined);
}

/** The value at a path of names; undefined where a name is absent or its holder is no map. */
export function at(document: Members, names: readonly string[]): Json | undefined {
  return names.reduce<Json | undefined>((value, name) => (isMap(value) ? member(value, name) : undefined), document);
}

/** Nesting: a scalar has 0, `[]` has 1. Stops where it is deeper than `most`. */
export function depth(value: Json | undefined, most: number): number {
  if (typeof value !== "object" || value === null || most < 0) return 0;
  return 1 + Object.values(value).reduce<number>((deepest, inner) => Math.max(deepest, depth(inner, most - 1)), 0);
}
