/**
 * What the server said: which documents, in which results, as of which place. A document stays as long as a result
 * holds it or a write of it waits.
 */
import type { Document, Mutation, SubscribeSpec } from "../documents/types.js";
import type { LiveChange } from "../realtime/types.js";
import type { Clock } from "../transport/types.js";
import type { LocalQueries } from "./local.js";
import { type Entry, type Held, keyOf, membersOf, place, type QueryRecord, type Write } from "./model.js";
import type { Store } from "./store.js";

/** Places of what is no longer there, kept so that late news doesn't bring it back. */
const MOST_GONE = 1_000;

const COUNT_EVERY = 200;

export interface CacheLimits {
  documents: number;
  bytes: number;
  queries: number;
}

export interface CacheNeeds {
  /** Whether the server tells this client of each change of the result at the moment. */
  isLive(key: string): boolean;
  isWatched(key: string): boolean;
  /** Results that aren't live claim a document that another one lost: is it still to be read? */
  recheck(collection: string, id: string): void;
}

export class Cache {
  readonly #sizes = new WeakMap<object, number>();
  #changes = 0;

  readonly #store: Store;
  readonly #queries: LocalQueries;
  readonly #limits: CacheLimits;
  readonly #clock: Clock;
  readonly #needs: CacheNeeds;

  constructor(store: Store, queries: LocalQueries, limits: CacheLimits, clock: Clock, needs: CacheNeeds) {
    this.#store = store;
    this.#queries = queries;
    this.#limits = limits;
    this.#clock = clock;
    this.#needs = needs;
  }

  /** The document was so at this place. */
  observe(collection: string, id: string, doc: Document | null, at: string): void {
    const entry = this.#store.entry(collection, id);
    const seen: Held = { doc, at };
    if (entry && entry.at > at) return;
    // A write of it that is under way may be contained in this already: both must not be shown.
    if (!this.#underWay(collection, id)) this.#store.putEntry(collection, id, seen);
    else if (!entry?.next || entry.next.at <= at) {
      this.#store.putEntry(collection, id, { ...(entry ?? { doc: null, at: "" }), next: seen });
    }
  }

  /** The writes of the document that were under way are decided: what came meanwhile counts. */
  settle({ collection, id }: Mutation): void {
    const entry = this.#store.entry(collection, id);
    if (entry?.next && !this.#underWay(collection, id)) this.#store.putEntry(collection, id, later(entry, entry.next));
    this.tidy(collection, id);
  }

  /** A write was taken: its answer is the document at its place, and belongs to the results that it matches. */
  acknowledge({ collection, id }: Mutation, answer: Held): void {
    const entry = this.#store.entry(collection, id);
    const base = later(later(entry ?? { doc: null, at: "" }, answer), entry?.next ?? answer);
    this.#store.putEntry(collection, id, base);
    if (!base.doc) {
      this.purge(collection, id, base.at);
      return;
    }
    let held = false;
    for (const record of this.#store.queries.values()) {
      if (record.spec.collection !== collection) continue;
      if (!record.ids.includes(id) && record.at < base.at && this.#queries.matches(record.spec, base.doc)) {
        this.#store.putQuery({ ...record, extra: { ...record.extra, [id]: base.at } });
        held = true;
      } else held ||= holds(record, id);
    }
    if (!held) this.remember({ collection, document: id }, [id], "", base.at);
  }

  snapshot(spec: SubscribeSpec, docs: Document[], seq: string): void {
    const key = keyOf(spec);
    const old = this.#store.queries.get(key);
    const at = place(seq);
    // The log is another one (a restored server): its places tell nothing about those that are known.
    if (old?.seq && at < place(old.seq)) this.#forgetPlaces();
    for (const doc of docs) this.observe(spec.collection, doc.id, doc, at);
    this.remember(
      spec,
      docs.map((doc) => doc.id),
      seq,
    );
  }

  /** The members of a result, as of its `seq`; a list has none, and is as of what was known when it was asked for. */
  remember(spec: SubscribeSpec, ids: string[], seq: string, at = place(seq)): void {
    const key = keyOf(spec);
    const old = this.#store.queries.get(key);
    const extra = untold(old?.extra ?? {}, at);
    this.#swap(old, { key, spec: membersOf(spec), ids, extra, seq, at, used: this.#clock.now() });
    this.evict();
  }

  changes(spec: SubscribeSpec, changes: LiveChange[], seq: string): void {
    const record = this.#store.queries.get(keyOf(spec));
    if (!record) return;
    const at = place(seq);
    const ids = [...record.ids];
    const extra = untold(record.extra, at);
    for (const { op, doc, index } of changes) {
      const now = ids.indexOf(doc.id);
      if (now >= 0) ids.splice(now, 1);
      delete extra[doc.id];
      if (op === "removed") continue;
      ids.splice(index < 0 ? ids.length : index, 0, doc.id);
      this.observe(spec.collection, doc.id, doc as Document, at);
    }
    this.#swap(record, { ...record, ids, extra, seq, at, used: this.#clock.now() });
    this.#changes += changes.length;
    // Counting everything at each change would cost more than a cache that is a little too large for a moment.
    if (this.#changes >= COUNT_EVERY) this.evict();
  }

  /** Somebody asks for the result: it isn't the next to go. */
  use(spec: SubscribeSpec): void {
    const record = this.#store.queries.get(keyOf(spec));
    if (record) this.#store.putQuery({ ...record, used: this.#clock.now() });
  }

  /** The result doesn't exist (any more) for this user. */
  forget(key: string): void {
    const record = this.#store.queries.get(key);
    this.#store.deleteQuery(key);
    if (record) for (const id of members(record)) this.release(record.spec.collection, id);
  }

  /** Own writes that a live result should have told of by now and didn't: they aren't in it. */
  dropExtra(record: QueryRecord, before: string): void {
    this.#swap(record, { ...record, extra: untold(record.extra, before) });
  }

  /** Another state of a result: what it no longer has may have to go. */
  #swap(old: QueryRecord | undefined, next: QueryRecord): void {
    this.#store.putQuery(next);
    const kept = new Set(members(next));
    for (const id of old ? members(old) : []) if (!kept.has(id)) this.release(next.spec.collection, id);
  }

  /** Some result no longer has the document: without another that has it, it goes. */
  release(collection: string, id: string): void {
    const holders = this.#holders(collection, id);
    if (holders.some((record) => this.#needs.isLive(record.key))) return;
    if (holders.length) this.#needs.recheck(collection, id);
    else this.tidy(collection, id);
  }

  /** It may not be read, or isn't there: no result that isn't live keeps it. */
  purge(collection: string, id: string, at: string): void {
    for (const record of this.#holders(collection, id)) {
      if (this.#needs.isLive(record.key)) continue;
      const { [id]: _, ...extra } = record.extra;
      this.#store.putQuery({ ...record, ids: record.ids.filter((other) => other !== id), extra });
    }
    this.observe(collection, id, null, at);
    this.tidy(collection, id);
  }

  /** Drops the document if nothing holds it. */
  tidy(collection: string, id: string): void {
    const entry = this.#store.entry(collection, id);
    if (!entry || (!entry.doc && !entry.next)) return;
    if (this.#store.writesOf(collection, id).some((write) => write.state === "queued")) return;
    if (this.#holders(collection, id).length) return;
    this.#store.putEntry(collection, id, { doc: null, at: entry.at });
  }

  /** Drops what nobody holds, after loading: another tab or a crash may have left it. */
  sweep(): void {
    for (const [collection, documents] of this.#store.docs) {
      for (const id of documents.keys()) this.tidy(collection, id);
    }
  }

  /** Keeps within the limits: results that nobody watches go, those used longest ago first. */
  evict(): void {
    this.#changes = 0;
    const idle = [...this.#store.queries.values()].filter((record) => !this.#needs.isWatched(record.key));
    idle.sort((a, b) => a.used - b.used);
    while (idle.length && this.#isFull()) this.forget((idle.shift() as QueryRecord).key);
    for (const [, documents] of this.#store.docs) {
      if (documents.size <= MOST_GONE) continue;
      const gone = [...documents].filter(([, entry]) => !entry.doc && !entry.next);
      for (const [id] of gone.slice(0, gone.length - MOST_GONE)) documents.delete(id);
    }
  }

  #isFull(): boolean {
    if (this.#store.queries.size > this.#limits.queries) return true;
    let [documents, bytes] = [0, 0];
    for (const entries of this.#store.docs.values()) {
      for (const { doc } of entries.values()) {
        if (doc) documents += 1;
        if (doc) bytes += this.#size(doc);
      }
    }
    return documents > this.#limits.documents || bytes > this.#limits.bytes;
  }

  #size(doc: Document): number {
    const size = this.#sizes.get(doc) ?? JSON.stringify(doc).length;
    this.#sizes.set(doc, size);
    return size;
  }

  #holders(collection: string, id: string): QueryRecord[] {
    const all = [...this.#store.queries.values()];
    return all.filter((record) => record.spec.collection === collection && holds(record, id));
  }

  #underWay(collection: string, id: string): boolean {
    return this.#store.writesOf(collection, id).some(isUnderWay);
  }

  #forgetPlaces(): void {
    for (const [collection, documents] of this.#store.docs) {
      for (const [id, entry] of documents) this.#store.putEntry(collection, id, { doc: entry.doc, at: "" });
    }
    for (const record of this.#store.queries.values()) this.#store.putQuery({ ...record, at: "", seq: "" });
    this.#store.known = "";
  }
}

/** It may have reached the server, and nobody knows yet. */
export const isUnderWay = (write: Write): boolean => write.state === "queued" && write.sentAt !== undefined;

const later = (one: Entry, other: Held): Held =>
  other.at >= one.at ? { doc: other.doc, at: other.at } : { doc: one.doc, at: one.at };

/** Own writes later than this place. */
function untold(extra: QueryRecord["extra"], at: string): QueryRecord["extra"] {
  return Object.fromEntries(Object.entries(extra).filter(([, since]) => since > at));
}

const members = (record: QueryRecord): string[] => [...record.ids, ...Object.keys(record.extra)];

export const holds = (record: QueryRecord, id: string): boolean =>
  Object.hasOwn(record.extra, id) || record.ids.includes(id);
