import { compareText } from "../cel/text.js";
import { isInteger } from "../cel/values.js";
import type { Json } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import { isMap, type Members } from "./json.js";

/** What becomes of a field; undefined where it is missing. */
type Change = (stored: Json | undefined) => Json | undefined;

/** The time that `$now` writes. */
export type Clock = () => string;

export function patchError(code: string, message: string): BasaltError {
  return new BasaltError({ code, message });
}

/** Reads a merge patch (RFC 7396) whose fields may be operators; the result applies it to a map. */
export function mergePatch(patch: Members, now: Clock): (stored: Members) => Members {
  if (Object.keys(patch).some((name) => name.startsWith("$"))) {
    throw patchError("bad_patch", 'An operator stands in a field, as {"field":{"$increment":1}}.');
  }
  return merging(patch, "", now);
}

function merging(patch: Members, path: string, now: Clock): (stored: Members) => Members {
  const changes = Object.entries(patch).map(([name, value]) => {
    const change = read(value, `${path}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`, now);
    return [name, change] as const;
  });
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

function read(value: Json, path: string, now: Clock): Change {
  if (value === null) return () => undefined;
  if (!isMap(value)) return () => value;
  const names = Object.keys(value);
  const name = names.find((name) => name.startsWith("$"));
  if (name === undefined) {
    const merge = merging(value, path, now);
    return (stored) => merge(isMap(stored) ? stored : {});
  }
  if (names.length > 1) throw patchError("bad_patch", `${path}: an operator stands alone in its object.`);
  const make = OPERATORS.get(name);
  if (!make) throw patchError("bad_patch", `${path}: there is no operator "${name}".`);
  return make({ operand: value[name] ?? null, name, path, now });
}

interface Place {
  operand: Json;
  name: string;
  path: string;
  now: Clock;
}

const OPERATORS = new Map<string, (place: Place) => Change>([
  ["$increment", increment],
  ["$max", (place) => extreme(place, 1)],
  ["$min", (place) => extreme(place, -1)],
  ["$union", (place) => listing(place, union)],
  ["$append", (place) => listing(place, (stored, items) => [...(stored ?? []), ...items])],
  ["$remove", (place) => listing(place, without)],
  [
    "$now",
    (place) => {
      wantTrue(place);
      return place.now;
    },
  ],
  [
    "$unset",
    (place) => {
      wantTrue(place);
      return () => undefined;
    },
  ],
  [
    "$set",
    ({ operand }) =>
      () =>
        operand,
  ],
]);

function takes({ path, name }: Place, what: string): BasaltError {
  return patchError("bad_patch", `${path}: ${name} takes ${what}.`);
}

function mismatch({ path }: Place, what: string): BasaltError {
  return patchError("operator_type_mismatch", `${path}: the stored value is not ${what}.`);
}

function wantTrue(place: Place): void {
  if (place.operand !== true) throw takes(place, "true");
}

/** Integers add up exactly or not at all, as far as JavaScript shows them. */
function increment(place: Place): Change {
  const { operand: by } = place;
  if (typeof by !== "number") throw takes(place, "a number");
  return (stored = 0) => {
    if (typeof stored !== "number") throw mismatch(place, "a number");
    const sum = stored + by;
    const isExact = isInteger(stored) && isInteger(by);
    const exact = isExact && !Number.isSafeInteger(sum) ? BigInt(stored) + BigInt(by) : 0n;
    if (!Number.isFinite(sum) || BigInt.asIntN(64, exact) !== exact) {
      throw patchError("overflow", `${place.path}: the sum is beyond the range of numbers.`);
    }
    return sum;
  };
}

function extreme(place: Place, sign: 1 | -1): Change {
  const { operand } = place;
  if (typeof operand !== "number" && typeof operand !== "string") throw takes(place, "a number or a text");
  return (stored) => {
    if (stored === undefined) return operand;
    if (typeof operand === "number") {
      if (typeof stored !== "number") throw mismatch(place, "a number");
      return sign * (operand - stored) > 0 ? operand : stored;
    }
    if (typeof stored !== "string") throw mismatch(place, "a text");
    return sign * compareText(operand, stored) > 0 ? operand : stored;
  };
}

function listing(
  place: Place,
  make: (stored: readonly Json[] | undefined, items: readonly Json[]) => Json[] | undefined,
): Change {
  const { operand } = place;
  if (!Array.isArray(operand)) throw takes(place, "a list");
  return (stored) => {
    if (stored !== undefined && !Array.isArray(stored)) throw mismatch(place, "a list");
    return make(stored, operand);
  };
}

function union(stored: readonly Json[] = [], items: readonly Json[]): Json[] {
  const seen = new Set(stored.map(identity));
  return [...stored, ...items.filter((item) => seen.size !== seen.add(identity(item)).size)];
}

function without(stored: readonly Json[] | undefined, items: readonly Json[]): Json[] | undefined {
  const gone = new Set(items.map(identity));
  return stored?.filter((item) => !gone.has(identity(item)));
}

/** A text that two values share only where they are equal. */
function identity(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(identity).join()}]`;
  if (!isMap(value)) return JSON.stringify(value);
  const members = Object.entries(value).map(([name, inner]) => `${JSON.stringify(name)}:${identity(inner)}`);
  return `{${members.sort().join()}}`;
}
