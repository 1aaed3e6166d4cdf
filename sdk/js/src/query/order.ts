import { compareText, utf8Length } from "../cel/text.js";
import type { Json } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import { at, type Members } from "./json.js";

/** Fields of one `sort`. */
const MOST_FIELDS = 8;

export type Compare = (left: Members, right: Members) => number;

interface Field {
  names: string[];
  descending: boolean;
}

/** What is wrong with a parameter, as the server says it. */
export function badParameter(parameter: string, message: string): BasaltError {
  const errors = [{ path: `/${parameter}`, code: `bad_${parameter}`, message }];
  return new BasaltError({ code: "bad_parameter", message, errors });
}

/** The names of a field's path such as `author.name`; undefined where it is none. */
export function fieldPath(text: string): string[] | undefined {
  const names = text.split(".");
  return names.length <= 16 && names.every(isFieldName) ? names : undefined;
}

/** 1 to 128 bytes, not beginning with `$`, no control characters. */
export function isFieldName(name: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a name may not hold
  return name !== "" && utf8Length(name) <= 128 && !/^\$|[\0-\x1f\x7f-\x9f]/.test(name);
}

function parse(terms: readonly string[]): Field[] {
  if (terms.length > MOST_FIELDS) throw badParameter("sort", `sort has at most ${MOST_FIELDS} fields.`);
  const seen = new Set<string>();
  return terms.map((term) => {
    const descending = term.startsWith("-");
    const name = descending ? term.slice(1) : term;
    const names = fieldPath(name);
    if (!names || term.includes("(")) throw badParameter("sort", `"${name}" is not the path of a field.`);
    if (seen.size === seen.add(name).size) throw badParameter("sort", `"${name}" is there twice.`);
    return { names, descending };
  });
}

/**
 * The server's order of documents: by the fields of `sort`, `-` before one for descending, and then by id in the last
 * field's direction. Within a field: missing < null < false < true < numbers < texts < lists and maps; texts by code
 * points. Lists and maps have no order among themselves. (Texts that begin with the same 256 bytes may stand otherwise on
 * the server, whose order of them depends on its indexes.)
 */
export function compareBy(sort: readonly string[] = []): Compare {
  const fields = parse(sort);
  const idSign = fields[fields.length - 1]?.descending ? -1 : 1;
  return (left, right) => {
    for (const { names, descending } of fields) {
      const order = compareValues(at(left, names), at(right, names));
      if (order !== 0) return descending ? -order : order;
    }
    return idSign * compareText(String(left.id ?? ""), String(right.id ?? ""));
  };
}

/** The order of two values of one field; 0 also where they have none. */
export function compareValues(left: Json | undefined, right: Json | undefined): number {
  const byType = rank(left) - rank(right);
  if (byType !== 0) return byType;
  if (typeof left === "string" && typeof right === "string") return compareText(left, right);
  const isScalar = typeof left === "number" || typeof left === "boolean";
  return isScalar ? Number(left) - Number(right) : 0;
}

function rank(value: Json | undefined): number {
  if (value === undefined) return 0;
  if (value === null) return 1;
  return { boolean: 2, number: 3, string: 4 }[typeof value as string] ?? 5;
}
