import type { Document } from "../documents/types.js";
import type { LiveChange } from "../realtime/types.js";
import { deepEqual } from "./json.js";
import type { LocalQuery } from "./query.js";

/** Documents that are known beyond a limit. */
const BEYOND = 50;

/**
 * A live result, kept up to date document by document: what is put in or taken out gives the steps that the server's
 * frames would show, to be applied one after the other.
 *
 * Of a result with a limit some documents beyond it are known, so that one that leaves can be followed by the next. When
 * they run out, `refill` says that what comes next has to be read.
 */
export class ResultWindow {
  private rows: Document[];

  constructor(
    private readonly query: LocalQuery,
    documents: Iterable<Document>,
    /** Whether nothing comes after these documents. */
    private complete: boolean,
  ) {
    this.rows = query.run(documents, { all: true });
    this.trim();
  }

  /** The documents in sight, as the query shows them. */
  visible(): Document[] {
    return this.rows.slice(0, this.limit).map((row) => this.query.select(row));
  }

  /** Whether documents that would be in sight are not known. */
  get refill(): boolean {
    return !this.complete && this.rows.length < this.limit;
  }

  /** A document as it now is: it may have been there, and it may match no longer. */
  put(document: Document): LiveChange[] {
    if (!this.query.matches(document)) return this.remove(document.id);
    const old = this.position(document.id);
    const before = this.rows[old];
    if (!before) return this.insert(document);
    if (this.query.compare(before, document) !== 0) {
      this.rows.splice(old, 1);
      return this.insert(document, { index: old, looked: before });
    }
    this.rows[old] = document;
    return old < this.limit && !this.looksSame(before, document) ? [this.shown("modified", old)] : [];
  }

  /** A document that is gone, or that may not be read any more. */
  remove(id: string): LiveChange[] {
    const index = this.position(id);
    if (index < 0) return [];
    this.rows.splice(index, 1);
    return index < this.limit ? this.gone(index, id) : [];
  }

  private get limit(): number {
    return this.query.limit ?? Number.POSITIVE_INFINITY;
  }

  private insert(document: Document, from?: { index: number; looked: Document }): LiveChange[] {
    const index = this.place(document);
    const before = from && from.index < this.limit ? from : undefined;
    // Behind the last known one others may come first that aren't known.
    const isKnown = this.complete || index < this.rows.length;
    if (isKnown) this.rows.splice(index, 0, document);
    const steps: LiveChange[] = [];
    if (!isKnown || index >= this.limit) {
      if (before) steps.push(...this.gone(before.index, document.id));
    } else if (before) {
      const isSame = before.index === index && this.looksSame(before.looked, document);
      if (!isSame) steps.push(this.shown("modified", index));
    } else {
      const pushed = this.rows[this.limit];
      if (pushed) steps.push({ op: "removed", doc: { id: pushed.id }, index: this.limit - 1 });
      steps.push(this.shown("added", index));
    }
    this.trim();
    return steps;
  }

  /** A row has left sight (and stands where it now belongs): the next one comes into it. */
  private gone(index: number, id: string): LiveChange[] {
    const next = this.rows[this.limit - 1];
    const removed: LiveChange = { op: "removed", doc: { id }, index };
    return next ? [removed, this.shown("added", this.limit - 1)] : [removed];
  }

  private shown(op: "added" | "modified", index: number): LiveChange {
    return { op, doc: this.query.select(this.rows[index] as Document), index };
  }

  /** Where only a part is shown, the revision and the time of the last change say nothing. */
  private looksSame(before: Document, after: Document): boolean {
    return this.query.selects
      ? deepEqual({ ...this.query.select(before), rev: "" }, { ...this.query.select(after), rev: "" })
      : deepEqual(before, after);
  }

  private position(id: string): number {
    return this.rows.findIndex((row) => row.id === id);
  }

  private place(document: Document): number {
    let [low, high] = [0, this.rows.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.query.compare(this.rows[middle] as Document, document) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private trim(): void {
    if (this.rows.length > this.limit + 2 * BEYOND) {
      this.rows.length = this.limit + BEYOND;
      this.complete = false;
    }
  }
}

/** The steps from one list of shown documents to another, as the server tells them after a new reading. */
export function difference(
  from: readonly Document[],
  to: readonly Document[],
  isSame: (before: Document, after: Document) => boolean = deepEqual,
): LiveChange[] {
  const steps: LiveChange[] = [];
  const stays = new Set(to.map((row) => row.id));
  const list: Document[] = [];
  for (const row of from) {
    if (stays.has(row.id)) list.push(row);
    else steps.push({ op: "removed", doc: { id: row.id }, index: list.length });
  }
  const known = new Set(list.map((row) => row.id));
  to.forEach((row, index) => {
    if (!known.has(row.id)) {
      list.splice(index, 0, row);
      steps.push({ op: "added", doc: row, index });
      return;
    }
    const old = list.findIndex((other, place) => place >= index && other.id === row.id);
    const [before] = list.splice(old, 1);
    list.splice(index, 0, row);
    if (old !== index || !before || !isSame(before, row)) steps.push({ op: "modified", doc: row, index });
  });
  return steps;
}
