import { compareText } from "../cel/text.js";
import { isInteger } from "../cel/values.js";
import type { Json } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import { isMap, type Members } from "./json.js";

/** What becomes of a field; undefined where it is missing. */
type Change = (stored: Json | undefined) => Json | undefined;

export function patchError(code: string, message: string): BasaltError {
  return new BasaltError({ code, message });
}

/** Reads a merge patch (RFC 7396) whose fields may be operators; the result applies it to a map. */
export function mergePatch(patch: Members, now: string): (stored: Members) => Members {
  if (Object.keys(patch).some((name) => name.startsWith("$"))) {
    throw patchError("bad_patch", "An operator stands in a field.");
  }
  return merging(patch, "", now);
}

function merging(patch: Members, path: string, now: string): (stored: Members) => Members {
  const changes = Object.entries(patch).map(([name, value]) => [name, read(value, `${path}/${name}`, now)] as const);
  return (stored) => {
    // A Map, since a name may be that of something that objects inherit.
    const made = new Map(Object.entries(stored));
    for (const [name, change] of changes) {
      const value = change(made.get(name));
      if (value === undefined) made.delete(name);
      else made.set(name, value);
    }
    return Object.fromEntries(made);
  };
}

function read(value: Json, path: string, now: string): Change {
  if (value === null) return () => undefined;
  if (!isMap(value)) return () => value;
  const entries = Object.entries(value);
  const [name, operand] = entries.find(([name]) => name.startsWith("$")) ?? [];
  if (name === undefined || operand === undefined) {
    const merge = merging(value, path, now);
    return (stored) => merge(isMap(stored) ? stored : {});
  }
  if (entries.length > 1) throw patchError("bad_patch", `${path}: an operator stands alone in its object.`);
  return operator(name, operand, path, now);
}

function operator(name: string, operand: Json, path: string, now: string): Change {
  const takes = (fits: boolean, what: string) => {
    if (!fits) throw patchError("bad_patch", `${path}: ${name} takes ${what}.`);
  };
  const holds = (fits: boolean, what: string) => {
    if (!fits) throw patchError("operator_type_mismatch", `${path}: the stored value is not ${what}.`);
  };
  switch (name) {
    case "$increment":
      takes(typeof operand === "number", "a number");
      return (stored = 0) => {
        holds(typeof stored === "number", "a number");
        return sum(stored as number, operand as number, path);
      };
    case "$max":
    case "$min":
      takes(typeof operand === "number" || typeof operand === "string", "a number or a text");
      return (stored = operand) => {
        holds(typeof stored === typeof operand, `a ${typeof operand}`);
        return order(operand, stored) * (name === "$max" ? 1 : -1) > 0 ? operand : stored;
      };
    case "$union":
    case "$append":
    case "$remove":
      takes(Array.isArray(operand), "a list");
      return (stored) => {
        holds(stored === undefined || Array.isArray(stored), "a list");
        return joined(name, stored as Json[] | undefined, operand as Json[]);
      };
    case "$now":
    case "$unset":
      takes(operand === true, "true");
      return () => (name === "$now" ? now : undefined);
    case "$set":
      return () => operand;
    default:
      throw patchError("bad_patch", `${path}: there is no operator "${name}".`);
  }
}

/** Integers add up within 64 bits or not at all. */
function sum(a: number, b: number, path: string): number {
  const made = a + b;
  const exact = isInteger(a) && isInteger(b) ? BigInt(a) + BigInt(b) : 0n;
  if (Number.isFinite(made) && BigInt.asIntN(64, exact) === exact) return made;
  throw patchError("overflow", `${path}: the sum is beyond the range of numbers.`);
}

function order(a: Json, b: Json): number {
  return typeof a === "string" ? compareText(a, b as string) : (a as number) - (b as number);
}

function joined(name: string, stored: Json[] | undefined, items: Json[]): Json[] | undefined {
  if (name === "$append") return [...(stored ?? []), ...items];
  if (name === "$remove") {
    const gone = new Set(items.map(identity));
    return stored?.filter((item) => !gone.has(identity(item)));
  }
  const seen = new Set(stored?.map(identity));
  return [...(stored ?? []), ...items.filter((item) => seen.size !== seen.add(identity(item)).size)];
}

/** A text that two values share only where they are equal. */
function identity(value: Json): string {
  if (!isMap(value)) return Array.isArray(value) ? `[${value.map(identity)}]` : JSON.stringify(value);
  const members = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${identity(inner)}`);
  return `{${members.sort()}}`;
}
