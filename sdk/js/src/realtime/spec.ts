/** From what an app asks for to what the server is asked. */
import type { Json, SubscribeSpec } from "../documents/types.js";
import { badArgument } from "../errors.js";
import type { SubscribeFields } from "./frames.js";

/** Without its `id`. Live queries have no cursor, no text search and no nearest. */
export function fieldsOf(spec: SubscribeSpec): Omit<SubscribeFields, "id"> {
  for (const name of ["cursor", "search", "nearest"] as const) {
    if (spec[name] !== undefined) throw badArgument(`A live query can't have ${name}.`);
  }
  const { collection, document, filter, vars, sort, limit, select, expand, since } = spec;
  const all = { collection, document, filter, vars, sort, limit, select, expand, since };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as Omit<SubscribeFields, "id">;
}

/** The same text for the same question, however its parts are ordered. */
export function keyOf(fields: Omit<SubscribeFields, "id">): string {
  return canonical(fields as { [key: string]: Json });
}

/** JSON whose keys are in order. */
export function canonical(json: Json): string {
  return JSON.stringify(json, (_, value: Json) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
