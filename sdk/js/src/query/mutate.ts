import { compile } from "../cel/index.js";
import { utf8Length } from "../cel/text.js";
import type { Document, Json, Mutation } from "../documents/types.js";
import { depth, isMap, type Members, plain } from "./json.js";
import { JSON_DEPTH, jsonPatch } from "./jsonpatch.js";
import { mergePatch, patchError } from "./merge.js";
import { isFieldName } from "./order.js";

const OWN_FIELDS = ["id", "rev", "createdAt", "updatedAt"];
const DOCUMENT_BYTES = 1 << 20;

/**
 * What the server would make of a document, as far as a client can know: not its rules, schemas and hooks. `null` stands
 * for no document. Refused with the server's codes (`document_exists`, `precondition_failed`, …).
 *
 * The revision is the stored one's (`""` for a new document): the server gives the next. `$now` and `updatedAt` are of
 * `now`, and `$max` and `$min` compare times as the texts that they are.
 */
export function applyMutation(
  document: Document | null,
  mutation: Mutation,
  now: Date | string | number,
): Document | null {
  const time = new Date(now).toISOString();
  checkPresence(document, mutation);
  checkConditions(document, mutation, time);
  if (mutation.kind === "delete") return null;
  if (mutation.kind === "create" && document !== null) {
    throw patchError("document_exists", "The id is taken.");
  }
  const given = (mutation.kind === "patch" ? mutation.patch : mutation.data) ?? {};
  checkDepth(given);
  const fields = mutation.kind === "patch" ? patched(document, mutation, time) : plain(mutation.data ?? {});
  checkId(mutation, fields.id);
  for (const name of OWN_FIELDS) delete fields[name];
  checkFields(fields);
  const createdAt = document?.createdAt ?? time;
  // Whatever the clock did.
  const isEarlier = time < createdAt;
  return {
    ...fields,
    id: mutation.id,
    rev: document?.rev ?? "",
    createdAt,
    updatedAt: isEarlier ? createdAt : time,
  };
}

function checkPresence(document: Document | null, { kind, upsert }: Mutation): void {
  if (document !== null || kind === "create" || (upsert && kind !== "delete")) return;
  // A replacement that is to find something is sent as a PUT with If-Match.
  const code = kind === "replace" ? "precondition_failed" : "document_not_found";
  throw patchError(code, "The document isn't there.");
}

function checkConditions(document: Document | null, { ifMatch, where }: Mutation, time: string): void {
  if (ifMatch !== undefined && (document === null || (ifMatch !== "*" && ifMatch !== document.rev))) {
    throw patchError("precondition_failed", "The document is not at this revision.");
  }
  if (!where) return;
  const program = compile(where.filter);
  const names = { doc: document, vars: plain(where.vars), time: Date.parse(time) };
  if (document === null || program.evaluate(names) !== true) {
    throw patchError("condition_failed", "The condition is not true of the document.");
  }
}

function patched(document: Document | null, { id, patch }: Mutation, time: string): Members {
  const base: Members = document ? { ...(document as Members) } : { id };
  if (Array.isArray(patch)) return jsonPatch(base, patch);
  const wanted: Members = plain(patch ?? {});
  const apply = mergePatch(wanted, time);
  const made = apply(base);
  // `null` removes a field, and without its id it is no longer this document.
  return Object.hasOwn(made, "id") ? made : { ...made, id: null };
}

/** A body's `id`, where it has one, is the document's. */
function checkId({ id }: Mutation, given: Json | undefined): void {
  if (given !== undefined && given !== id) {
    throw patchError("id_mismatch", "The id is not the document's.");
  }
}

function checkDepth(value: unknown): void {
  if (depth(value as Json, JSON_DEPTH) > JSON_DEPTH) {
    throw patchError("bad_json", `JSON is nested deeper than ${JSON_DEPTH}.`);
  }
}

function checkFields(fields: Members): void {
  checkDepth(fields);
  const bad = Object.keys(fields).find((name) => /^(_|expand$|highlight$|distance$)/.test(name)) ?? badName(fields);
  if (bad !== undefined) throw patchError("bad_request", `The field's name "${bad}" is not allowed.`);
  if (utf8Length(JSON.stringify(fields)) > DOCUMENT_BYTES) {
    throw patchError("too_large", `A document has at most ${DOCUMENT_BYTES} bytes.`);
  }
}

function badName(value: Json): string | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  for (const [name, inner] of Object.entries(value)) {
    const bad = isMap(value) && !isFieldName(name) ? name : badName(inner);
    if (bad !== undefined) return bad;
  }
  return undefined;
}
