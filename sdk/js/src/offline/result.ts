/** What the app sees: what the server said, with the writes that wait applied in order. */
import type { Document, QuerySpec, SubscribeSpec } from "../documents/types.js";
import type { LocalMark } from "../realtime/types.js";
import type { LocalQueries } from "./local.js";
import { errorOf, keyOf, type QueryRecord, type Write } from "./model.js";
import type { Store } from "./store.js";

export interface Seen {
  docs: Document[];
  meta: Map<string, LocalMark>;
}

export class Results {
  /** What each write made of which document: a long queue isn't applied anew for each change of something else. */
  readonly #made = new WeakMap<Write, { from: Document | null; to: Document | null }>();
  readonly #store: Store;
  readonly #queries: LocalQueries;
  readonly #keepFailed: boolean;

  constructor(store: Store, queries: LocalQueries, keepFailed: boolean) {
    this.#store = store;
    this.#queries = queries;
    this.#keepFailed = keepFailed;
  }

  document(collection: string, id: string): Document | null {
    let doc = this.#store.entry(collection, id)?.doc ?? null;
    for (const write of this.#store.writesOf(collection, id)) {
      if (!this.#shows(write)) continue;
      const made = this.#made.get(write);
      const after: Document | null = made?.from === doc ? made.to : this.applied(doc, write);
      this.#made.set(write, { from: doc, to: after });
      doc = after;
    }
    return doc;
  }

  /** What a write makes of a document; what it can't be applied to stays, and the server decides. */
  applied(doc: Document | null, write: Pick<Write, "mutation" | "madeAt">): Document | null {
    const { ifMatch: _, ...mutation } = write.mutation;
    try {
      return this.#queries.apply(doc, mutation, write.madeAt);
    } catch {
      return doc;
    }
  }

  meta(collection: string, id: string): LocalMark | undefined {
    const writes = this.#store.writesOf(collection, id);
    const failure = writes.filter((write) => write.failure).at(-1)?.failure;
    const pending = writes.some((write) => write.state === "queued");
    if (failure) return { pending, failed: errorOf(failure) };
    return pending ? { pending } : undefined;
  }

  /** The result as far as it is known here; without a record of it from all documents of the collection. */
  of(spec: SubscribeSpec): Seen {
    const docs = spec.document === undefined ? this.#query(spec) : this.#single(spec.collection, spec.document);
    const meta = new Map<string, LocalMark>();
    for (const { id } of docs) {
      const told = this.meta(spec.collection, id);
      if (told) meta.set(id, told);
    }
    if (spec.document !== undefined) {
      const told = this.meta(spec.collection, spec.document);
      if (told) meta.set(spec.document, told);
    }
    return { docs: spec.select ? docs.map((doc) => this.#queries.select(doc, spec.select ?? [])) : docs, meta };
  }

  #single(collection: string, id: string): Document[] {
    const doc = this.document(collection, id);
    return doc ? [doc] : [];
  }

  #query(spec: SubscribeSpec): Document[] {
    const record = this.#store.queries.get(keyOf(spec));
    const local = this.#queries.isLocal(spec);
    if (!record) return local ? this.#evaluated(spec) : [];
    const [docs, touched] = this.#members(record, local);
    if (local) for (const doc of touched) this.#insert(docs, doc, spec);
    return spec.limit === undefined ? docs : docs.slice(0, spec.limit);
  }

  #evaluated(spec: QuerySpec): Document[] {
    const ids = new Set([
      ...(this.#store.docs.get(spec.collection)?.keys() ?? []),
      ...this.#store.writtenIn(spec.collection),
    ]);
    const docs = [...ids].flatMap((id) => this.document(spec.collection, id) ?? []);
    return this.#queries.run(spec, docs);
  }

  /**
   * Members that are as the server said, in its order; and those to be looked at here: with writes that wait, newer than
   * the result, or own ones that the result hasn't told of.
   */
  #members(record: QueryRecord, local: boolean): [docs: Document[], touched: Document[]] {
    const { collection } = record.spec;
    const docs: Document[] = [];
    const touched = new Set([...Object.keys(record.extra), ...this.#store.writtenIn(collection)]);
    for (const id of record.ids) {
      const entry = this.#store.entry(collection, id);
      if (local && entry && entry.at > record.at) touched.add(id);
      const doc = local && touched.has(id) ? null : this.document(collection, id);
      if (doc) docs.push(doc);
    }
    return [docs, [...touched].flatMap((id) => this.document(collection, id) ?? [])];
  }

  #insert(docs: Document[], doc: Document, spec: QuerySpec): void {
    if (!this.#queries.matches(spec, doc)) return;
    let [low, high] = [0, docs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#queries.compare(spec, docs[middle] as Document, doc) <= 0) low = middle + 1;
      else high = middle;
    }
    docs.splice(low, 0, doc);
  }

  #shows(write: Write): boolean {
    return write.state === "queued" || (write.state === "failed" && this.#keepFailed);
  }
}
