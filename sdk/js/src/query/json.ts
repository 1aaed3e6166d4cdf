import type { Json } from "../documents/types.js";

export type Members = { [key: string]: Json };

export function isMap(value: Json | undefined): value is Members {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value as the server would receive it: dates as texts, nothing that is undefined, no prototypes. */
export function plain<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value));
}

/** Equality of JSON; the order of a map's members doesn't matter. A member that is undefined is none. */
export function deepEqual(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => deepEqual(item, right[index]));
  }
  const [own, other] = [present(left), present(right)];
  return own.length === other.length && own.every(([name, value]) => deepEqual(value, member(right as Members, name)));
}

function present(map: object): [string, unknown][] {
  return Object.entries(map).filter(([, value]) => value !== undefined);
}

/** A map's own member; what a prototype has is none. */
export function member(map: Members, name: string): Json | undefined {
  return Object.hasOwn(map, name) ? map[name] : undefined;
}

/** The value at a path of names; undefined where a name is absent or its holder is no map. */
export function at(document: Members, names: readonly string[]): Json | undefined {
  let value: Json | undefined = document;
  for (const name of names) {
    if (!isMap(value)) return undefined;
    value = member(value, name);
  }
  return value;
}

/** Nesting: a scalar has 0, `[]` has 1. Stops where it is deeper than `most`. */
export function depth(value: Json | undefined, most: number): number {
  if (typeof value !== "object" || value === null || most < 0) return 0;
  return 1 + Object.values(value).reduce<number>((deepest, inner) => Math.max(deepest, depth(inner, most - 1)), 0);
}
