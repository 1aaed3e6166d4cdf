/** Two changes of one document: what both changed, and what the write has to be to go on top of the other's. */
import type { Document, Json, Mutation } from "../documents/types.js";
import { deepEqual } from "../query/index.js";
import type { Write } from "./model.js";
import type { Conflict, Resolution } from "./types.js";

const SERVERS = new Set(["id", "rev", "createdAt", "updatedAt"]);

type Fields = Record<string, Json | undefined>;

/** A write that is to be sent, or null: nothing of it is left to send. */
export type Rewritten = Omit<Mutation, "idempotencyKey" | "ifMatch" | "where"> | null;

export function conflictOf(write: Write, mine: Document | null, theirs: Document | null): Conflict {
  const { id, mutation, base = null } = write;
  const fields = collisions(mutation, base, mine, theirs);
  return { id, collection: mutation.collection, documentId: mutation.id, mutation, base, mine, theirs, fields };
}

/** Own fields, without what the server adds. */
export function fieldsOf(doc: Document | null): Record<string, Json> {
  return Object.fromEntries(Object.entries(doc ?? {}).filter(([name]) => !SERVERS.has(name))) as Record<string, Json>;
}

/** Top-level fields that this write changes. */
function changed(mutation: Mutation, base: Document | null, mine: Document | null): string[] {
  if (mutation.patch && !Array.isArray(mutation.patch)) return Object.keys(mutation.patch);
  const [before, after] = [fieldsOf(base), fieldsOf(mine)] as [Fields, Fields];
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !same(before[name], after[name]),
  );
}

function collisions(
  mutation: Mutation,
  base: Document | null,
  mine: Document | null,
  theirs: Document | null,
): string[] {
  if (!mine || !theirs) return [];
  const [before, now, wanted] = [base ?? {}, theirs, mine] as [Fields, Fields, Fields];
  return changed(mutation, base, mine).filter(
    (name) => !isRelative(patchOf(mutation)[name]) && !same(before[name], now[name]) && !same(wanted[name], now[name]),
  );
}

/** `merge`: undefined where that needs a decision. */
export function merged(conflict: Conflict, choice?: "mine" | "theirs"): Rewritten | undefined {
  const { mutation, base, mine, theirs, fields } = conflict;
  if (!mine || !theirs) return undefined;
  if (fields.length && !choice) return undefined;
  const left = changed(mutation, base, mine).filter((name) => choice === "mine" || !fields.includes(name));
  const given = patchOf(mutation);
  const wanted = mine as Fields;
  const set = (name: string): Json => {
    const value = wanted[name];
    return given[name] ?? (value === undefined ? { $unset: true } : { $set: value });
  };
  const patch = Object.fromEntries(
    left
      .filter((name) => isRelative(given[name]) || !same(wanted[name], (theirs as Fields)[name]))
      .map((name) => [name, set(name)]),
  );
  return Object.keys(patch).length ? { kind: "patch", collection: mutation.collection, id: mutation.id, patch } : null;
}

/** What a resolution makes of the write. */
export function resolved(conflict: Conflict, resolution: Resolution): Rewritten {
  const { mutation, theirs, mine } = conflict;
  if (resolution === "theirs") return null;
  const { collection, id } = mutation;
  const whole = (data: Record<string, Json>): Rewritten =>
    theirs ? { kind: "replace", collection, id, data } : { kind: "create", collection, id, data };
  if (resolution !== "mine") return whole(resolution.document);
  if (mutation.kind === "delete") return theirs ? { kind: "delete", collection, id } : null;
  if (mutation.patch && theirs) return { kind: "patch", collection, id, patch: mutation.patch };
  return whole(mutation.data ?? fieldsOf(mine));
}

/** Whether a patch's effect depends on how often it is applied. */
export function isRelativePatch(mutation: Mutation): boolean {
  return Array.isArray(mutation.patch) || Object.values(mutation.patch ?? {}).some(isRelative);
}

export function same(one: unknown, other: unknown): boolean {
  return one === other || deepEqual(one as Json, other as Json);
}

function patchOf(mutation: Mutation): Record<string, Json | undefined> {
  return Array.isArray(mutation.patch) ? {} : (mutation.patch ?? {});
}

function isRelative(value: Json | undefined): boolean {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return false;
  return Object.entries(value).some(([name, inner]) =>
    name.startsWith("$") ? name !== "$set" && name !== "$unset" : isRelative(inner),
  );
}
