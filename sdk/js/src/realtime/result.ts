/** From what the server tells of a query to the list that it answers now. */
import type { Document } from "../documents/types.js";
import type { LiveChange } from "./types.js";

/** What became of one document, seen from before to after. */
export interface ResultChange<T> {
  op: "added" | "modified" | "removed";
  /** As it is now; of a removed one, as it was. */
  doc: Document<T>;
  /** Its place in the result now; of a removed one, the place that it had. */
  index: number;
}

export interface Step<T> {
  documents: Document<T>[];
  changes: ResultChange<T>[];
}

/** Applies the changes of a commit in their order. */
export function applyChanges<T>(before: Document<T>[], changes: LiveChange[]): Step<T> {
  const documents = [...before];
  for (const { op, doc, index } of changes) {
    const old = documents.findIndex(({ id }) => id === doc.id);
    if (old >= 0) documents.splice(old, 1);
    if (op === "removed") continue;
    const place = index < 0 ? documents.length : Math.min(index, documents.length);
    documents.splice(place, 0, doc as Document<T>);
  }
  return compare(before, documents, new Set(changes.map(({ doc }) => doc.id)));
}

/** A new whole result. A document that is as before stays the same object: who shows it needn't show it again. */
export function applySnapshot<T>(before: Document<T>[], docs: Document<T>[]): Step<T> {
  return compare(before, docs, null);
}

/** `touched`: those that alone can differ. */
function compare<T>(before: Document<T>[], after: Document<T>[], touched: ReadonlySet<string> | null): Step<T> {
  const known = new Map(before.map((doc, index) => [doc.id, { doc, index }]));
  const changes: ResultChange<T>[] = [];
  const documents = after.map((doc, index) => {
    const old = known.get(doc.id);
    known.delete(doc.id);
    if (!old) changes.push({ op: "added", doc, index });
    else if (touched !== null && !touched.has(doc.id)) return old.doc;
    else if (same(old.doc, doc)) return old.doc;
    else changes.push({ op: "modified", doc, index });
    return doc;
  });
  const removed = [...known.values()].map(({ doc, index }) => ({ op: "removed" as const, doc, index }));
  return { documents, changes: [...removed, ...changes] };
}

/** Another `rev` is another document; with the same one, rights or expanded documents may still differ. */
function same<T>(a: Document<T>, b: Document<T>): boolean {
  return a.rev === b.rev && JSON.stringify(a) === JSON.stringify(b);
}
