import type { Json } from "../documents/types.js";
import { isMap, type Members, member } from "./json.js";
import { badParameter, fieldPath } from "./order.js";

/** Fields of one `select`. */
const MOST = 100;

/** Wanted names; those with an undefined value are wanted whole. */
type Wanted = Map<string, Wanted | undefined>;

/** Gives the wanted fields of a document, as the server shows them: `id` and `rev` always stay. */
export function selector(names: readonly string[]): (document: Members) => Members {
  if (names.length > MOST) throw badParameter("select", `select names at most ${MOST} fields.`);
  const wanted: Wanted = new Map([
    ["id", undefined],
    ["rev", undefined],
  ]);
  for (const name of names) {
    const path = fieldPath(name);
    if (!path) throw badParameter("select", `"${name}" is not the path of a field.`);
    add(wanted, path);
  }
  return (document) => pick(wanted, document);
}

function add(wanted: Wanted, [name = "", ...rest]: string[]): void {
  if (rest.length === 0) wanted.set(name, undefined);
  // The wider of two wins.
  else if (!wanted.has(name)) wanted.set(name, new Map());
  const inner = wanted.get(name);
  if (inner && rest.length > 0) add(inner, rest);
}

function pick(wanted: Wanted, map: Members): Members {
  const kept: [string, Json][] = [];
  for (const [name, inner] of wanted) {
    const value = member(map, name);
    const shown = value !== undefined && inner ? within(inner, value) : value;
    if (shown !== undefined) kept.push([name, shown]);
  }
  return Object.fromEntries(kept);
}

/** Members of a map, or of the maps in a list; undefined where there is nothing to look into. */
function within(wanted: Wanted, value: Json): Json | undefined {
  if (Array.isArray(value)) {
    return value.map((item) => within(wanted, item)).filter((item) => item !== undefined);
  }
  return isMap(value) ? pick(wanted, value) : undefined;
}
