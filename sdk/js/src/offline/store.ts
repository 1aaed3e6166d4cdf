/**
 * The mirror of one user's part of the store. Reads are from memory. What the server said is written behind, in batches
 * that belong together (losing one costs a repetition: a live query goes on from its stored place); writes of the app
 * are stored before anybody sees them.
 */
import { after } from "../realtime/timing.js";
import type { Clock } from "../transport/types.js";
import type { Entry, QueryRecord, Write } from "./model.js";
import type { Adapter, StoreChange } from "./types.js";

/** Milliseconds that what the server said may wait for company. */
const WRITE_BEHIND = 100;
const RETRY = 2_000;

export interface StoreEvents {
  /** Something of this document may look different now. */
  touched(collection: string, id: string): void;
  touchedQuery(key: string): void;
  outbox(): void;
  /** For the other tabs. */
  committed(changes: StoreChange[]): void;
}

interface Job {
  changes: StoreChange[];
  /** Before anything else is stored. */
  then?: (() => Promise<void>) | undefined;
  done(error?: unknown): void;
}

export class Store {
  readonly docs = new Map<string, Map<string, Entry>>();
  readonly queries = new Map<string, QueryRecord>();
  /** By id, in order. */
  writes = new Map<string, Write>();
  /** The latest place that was heard of: what is asked for now is at least as new. */
  known = "";
  readonly #byDocument = new Map<string, Map<string, Write[]>>();
  #last = "";
  readonly #dirty = new Set<string>();
  #jobs: Job[] = [];
  #pump: Promise<void> | undefined;
  #timer: (() => void) | undefined;
  #closed = false;

  readonly #adapter: Adapter;
  readonly #clock: Clock;
  readonly #events: StoreEvents;

  constructor(
    adapter: Adapter,
    /** Of all keys of this user. */
    readonly prefix: string,
    clock: Clock,
    events: StoreEvents,
  ) {
    this.#adapter = adapter;
    this.#clock = clock;
    this.#events = events;
  }

  async load(): Promise<void> {
    for (const [key, value] of await this.#adapter.read(this.prefix)) this.#take(key.slice(this.prefix.length), value);
  }

  /** The outbox as it is stored, for who takes over from another tab. Nothing of this tab is being stored meanwhile. */
  reloadWrites(): Promise<void> {
    return this.#commit([], async () => {
      const rows = new Map(await this.#adapter.read(`${this.prefix}o/`));
      for (const write of [...this.writes.values()]) {
        const key = writeKey(write);
        if (!rows.has(this.prefix + key) && !this.#dirty.has(key)) this.#keep(write, false);
      }
      for (const [full, value] of rows) {
        const key = full.slice(this.prefix.length);
        if (!this.#dirty.has(key)) this.#take(key, value);
      }
      this.#events.outbox();
    });
  }

  entry(collection: string, id: string): Entry | undefined {
    return this.docs.get(collection)?.get(id);
  }

  putEntry(collection: string, id: string, entry: Entry): void {
    this.#hold(collection, id, entry);
    this.#dirty.add(`d/${collection}/${id}`);
    this.#soon();
  }

  putQuery(record: QueryRecord): void {
    this.queries.set(record.key, record);
    if (record.at > this.known) this.known = record.at;
    this.#dirty.add(`q/${record.key}`);
    this.#events.touchedQuery(record.key);
    this.#soon();
  }

  deleteQuery(key: string): void {
    if (!this.queries.delete(key)) return;
    this.#dirty.add(`q/${key}`);
    this.#events.touchedQuery(key);
    this.#soon();
  }

  get lastOrder(): string {
    return this.#last;
  }

  writesOf(collection: string, id: string): readonly Write[] {
    return this.#byDocument.get(collection)?.get(id) ?? [];
  }

  /** Ids of documents that writes wait for. */
  writtenIn(collection: string): Iterable<string> {
    return this.#byDocument.get(collection)?.keys() ?? [];
  }

  /** Seen at once; stored with the next `flush`. */
  putWrite(write: Write): void {
    this.#dirty.add(writeKey(write));
    this.#keep(write, true);
    this.#events.outbox();
  }

  deleteWrite(write: Write): void {
    this.#dirty.add(writeKey(write));
    this.#keep(write, false);
    this.#events.outbox();
  }

  /** Stores the write, and only then is it seen. */
  async addWrite(write: Write): Promise<void> {
    await this.#commit([{ key: this.prefix + writeKey(write), value: write }]);
    this.#keep(write, true);
    this.#events.outbox();
  }

  /** Everything that is seen is stored. */
  async flush(): Promise<void> {
    await this.#commit([]);
  }

  /** What another tab stored. */
  receive(changes: StoreChange[], keeps: (key: string) => boolean): void {
    let outbox = false;
    for (const change of changes) {
      if (!change.key.startsWith(this.prefix)) continue;
      const key = change.key.slice(this.prefix.length);
      // What this tab lives on is stored again: the other tab didn't know.
      if (keeps(key) && change.value === undefined) this.#dirty.add(key);
      else outbox = this.#take(key, change.value, change.at) || outbox;
    }
    if (outbox) this.#events.outbox();
    this.#soon();
  }

  async close(): Promise<void> {
    if (!this.#closed) await this.flush().catch(() => undefined);
    this.#closed = true;
    this.#timer?.();
  }

  async wipe(): Promise<void> {
    this.#closed = true;
    this.#timer?.();
    await this.#pump;
    await this.#adapter.clear(this.prefix);
  }

  /** Keeps both indexes in order; nearly always the write is the last one or known. */
  #keep(write: Write, present: boolean): void {
    const { collection, id } = write.mutation;
    const documents = this.#byDocument.get(collection) ?? new Map<string, Write[]>();
    this.#byDocument.set(collection, documents);
    const same = (documents.get(id) ?? []).filter((other) => other.id !== write.id);
    if (present) same.push(write);
    if (same.length) documents.set(id, same.sort(byOrder));
    else documents.delete(id);
    if (!present) this.writes.delete(write.id);
    else {
      const late = !this.writes.has(write.id) && write.order < this.#last;
      this.writes.set(write.id, write);
      if (late) this.writes = new Map([...this.writes.values()].sort(byOrder).map((each) => [each.id, each]));
      else if (write.order > this.#last) this.#last = write.order;
    }
    this.#events.touched(collection, id);
  }

  /** Takes over what is stored under a key; says whether it was of the outbox. */
  #take(key: string, value: unknown, at = ""): boolean {
    const [kind, first = "", second = ""] = split(key);
    if (kind === "o") {
      const write = (value ?? this.writes.get(second)) as Write | undefined;
      if (write) this.#keep(write, value !== undefined);
      return true;
    }
    if (kind === "q") this.#takeQuery(`${first}${second && `/${second}`}`, value as QueryRecord | undefined);
    if (kind === "d") {
      const held = this.entry(first, second);
      const entry = (value ?? { doc: null, at }) as Entry;
      if (held && held.at > entry.at) return false;
      this.#hold(first, second, entry);
    }
    return false;
  }

  #hold(collection: string, id: string, entry: Entry): void {
    const documents = this.docs.get(collection) ?? new Map<string, Entry>();
    this.docs.set(collection, documents);
    documents.set(id, entry);
    if (entry.at > this.known) this.known = entry.at;
    this.#events.touched(collection, id);
  }

  #takeQuery(key: string, record: QueryRecord | undefined): void {
    const held = this.queries.get(key);
    if (!record) this.queries.delete(key);
    else if (!held || held.at <= record.at) this.queries.set(key, record);
    this.#events.touchedQuery(key);
  }

  #soon(milliseconds = WRITE_BEHIND): void {
    if (this.#closed || this.#timer || !this.#dirty.size) return;
    this.#timer = after(this.#clock, milliseconds, () => {
      this.#timer = undefined;
      this.flush().catch(() => this.#soon(RETRY));
    });
  }

  #commit(changes: StoreChange[], then?: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#jobs.push({ changes, then, done: (error) => (error === undefined ? resolve() : reject(error)) });
      this.#pump ??= this.#work();
    });
  }

  /** One commit after the other, each with all that came meanwhile: the order of the writes is the order of the store. */
  async #work(): Promise<void> {
    while (this.#jobs.length) {
      // Calls of one turn go together.
      await undefined;
      const jobs = this.#jobs.splice(0);
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      const changes = [...dirty.map((key) => this.#change(key)), ...jobs.flatMap((job) => job.changes)];
      try {
        if (changes.length && !this.#closed) await this.#adapter.commit(changes);
        for (const job of jobs) await job.then?.();
      } catch (error) {
        for (const key of dirty) this.#dirty.add(key);
        for (const job of jobs) job.done(error ?? new Error("The store failed."));
        continue;
      }
      for (const job of jobs) job.done();
      if (changes.length) this.#events.committed(changes);
    }
    // In the same turn in which there was nothing left: who comes next begins anew.
    this.#pump = undefined;
  }

  #change(key: string): StoreChange {
    const [kind, first = "", second = ""] = split(key);
    const full = this.prefix + key;
    if (kind === "o") return { key: full, value: this.writes.get(second) };
    if (kind === "q") {
      const record = this.queries.get(key.slice(2));
      return record?.at ? { key: full, value: record, at: record.at } : { key: full, value: record };
    }
    const entry = this.entry(first, second);
    const value = entry?.doc || entry?.next ? entry : undefined;
    return entry?.at ? { key: full, value, at: entry.at } : { key: full, value };
  }
}

const byOrder = (a: Write, b: Write): number => (a.order < b.order ? -1 : a.order > b.order ? 1 : 0);

const writeKey = (write: Write): string => `o/${write.order}/${write.id}`;

/** `d/COLLECTION/ID`, `o/ORDER/ID`, `q/KEY`: a query's key has slashes of its own perhaps. */
function split(key: string): [kind: string, first?: string, second?: string] {
  const slash = key.indexOf("/", 2);
  return slash < 0 ? [key.slice(0, 1), key.slice(2)] : [key.slice(0, 1), key.slice(2, slash), key.slice(slash + 1)];
}
