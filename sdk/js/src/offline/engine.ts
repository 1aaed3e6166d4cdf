/** Cache, outbox and live results of one user, put together. */
import type { DocumentSource } from "../documents/types.js";
import { after, guarded } from "../realtime/timing.js";
import { randomId } from "../transport/random.js";
import type { Clock } from "../transport/types.js";
import { Cache } from "./cache.js";
import { seekLead } from "./leader.js";
import { Lines } from "./lines.js";
import { LocalQueries } from "./local.js";
import { errorOf, keyOf, offlineError, type Write } from "./model.js";
import { Outbox } from "./outbox.js";
import { Recheck } from "./recheck.js";
import { Results } from "./result.js";
import { Store } from "./store.js";
import { type Channel, tabChannel } from "./tabs.js";
import type { Adapter, Conflict, OfflineOptions, PendingWrite, StoreChange } from "./types.js";
import type { View } from "./view.js";

/** A live result tells of a write within this time, or it doesn't contain it. */
const TOLD_WITHIN = 30_000;
/** How long a view waits for the server before it shows what is here. */
const PATIENCE = 1_500;
/** After contact with the server, what nobody watches is asked for anew; not more often than this. */
const RENEW_EVERY = 60_000;
const RENEW_AFTER = 3_000;

export interface EngineListeners {
  outbox(): void;
  conflict(conflict: Conflict): void;
}

export class Engine {
  readonly queries: LocalQueries;
  readonly results: Results;
  readonly cache: Cache;
  readonly outbox: Outbox;
  readonly lines: Lines;
  readonly store: Store;
  readonly #recheck: Recheck;
  readonly #dirty = new Set<View>();
  readonly #timers = new Set<() => void>();
  #tabs: Channel | undefined;
  #stopLeading: (() => Promise<void>) | undefined;
  #renewed = Number.NEGATIVE_INFINITY;
  #reached: boolean | undefined;
  #closed = false;

  readonly #adapter: Adapter;
  readonly #clock: Clock;
  readonly #listeners: EngineListeners;

  constructor(
    adapter: Adapter,
    /** Null for a visitor: what he writes goes to the server at once. */
    readonly userId: string | null,
    online: DocumentSource,
    clock: Clock,
    options: OfflineOptions,
    listeners: EngineListeners,
  ) {
    this.#adapter = adapter;
    this.#clock = clock;
    this.#listeners = listeners;
    const { documents = 10_000, bytes = 20 << 20, queries = 50, writes = 10_000 } = options.limits ?? {};
    this.queries = new LocalQueries(clock);
    this.store = new Store(adapter, `${userId ?? ""}/`, clock, {
      touched: (collection) => this.#touch(this.lines.viewsIn(collection)),
      touchedQuery: (key) => this.#touch(this.lines.viewsOf(key)),
      outbox: () => this.#listeners.outbox(),
      committed: (changes) => this.#tabs?.send(changes),
    });
    const contact = (reached: boolean) => this.#contact(reached);
    this.lines = new Lines(this.store, () => this.cache, online, { dirty: (view) => this.#touch([view]), contact });
    const { isLive, isWatched } = this.lines;
    const recheck = (collection: string, id: string) => this.#recheck.add(collection, id);
    this.cache = new Cache(this.store, this.queries, { documents, bytes, queries }, clock, {
      isLive,
      isWatched,
      recheck,
    });
    this.#recheck = new Recheck(online, this.store, this.cache);
    this.results = new Results(this.store, this.queries, options.onFailure === "keep");
    const policies = options.conflicts ?? {};
    this.outbox = new Outbox({
      store: this.store,
      cache: this.cache,
      results: this.results,
      online,
      clock,
      contact,
      most: writes,
      newKey: () => randomId(clock, 16),
      policy: (collection) => policies[collection] ?? policies["*"] ?? "last-write-wins",
      conflict: (conflict) => this.#listeners.conflict(conflict),
      taken: (at) => this.#later(TOLD_WITHIN, () => this.#dropUntold(at)),
    });
  }

  async start(): Promise<void> {
    const early: StoreChange[][] = [];
    let loaded = false;
    const keeps = (key: string) => this.#keeps(key);
    this.#tabs = tabChannel(`${this.#adapter.name}/${this.store.prefix}`, (changes) => {
      if (!loaded) return early.push(changes);
      this.store.receive(changes, keeps);
      this.outbox.kick();
    });
    await this.store.load();
    loaded = true;
    for (const changes of early) this.store.receive(changes, keeps);
    this.cache.sweep();
    if (this.userId === null || this.#closed) return;
    this.#stopLeading = seekLead({
      adapter: this.#adapter,
      clock: this.#clock,
      key: `lead/${this.userId}`,
      tab: randomId(this.#clock, 12),
      onLead: () => this.#lead(),
      onLose: () => void this.outbox.lead(false),
    });
  }

  #lead(): void {
    if (this.#closed) return;
    // A store that can't be read now can be later.
    this.outbox.lead(true).catch(() => this.#later(RENEW_AFTER, () => this.#lead()));
  }

  watch(view: View): () => void {
    this.lines.join(view);
    const stopWaiting = this.#later(PATIENCE, () => this.#show(view, true));
    return () => {
      stopWaiting();
      this.#dirty.delete(view);
      this.lines.leave(view);
    };
  }

  get isOffline(): boolean {
    return this.#reached === false;
  }

  /** What came of a request. */
  contact(reached: boolean): void {
    this.#contact(reached);
  }

  pending(): PendingWrite[] {
    return [...this.store.writes.values()].map(shownWrite);
  }

  async sync(): Promise<void> {
    await this.outbox.drained();
    await this.lines.checkAll();
    await this.#recheck.run();
    await this.store.flush();
  }

  async close(): Promise<void> {
    await this.#stop();
    await this.store.close();
    this.#leaveTabs();
  }

  async wipe(): Promise<void> {
    await this.#stop();
    await this.store.wipe();
    this.#leaveTabs();
  }

  #leaveTabs(): void {
    this.#tabs?.close();
    this.#tabs = undefined;
  }

  /** Nothing goes out in this user's name from here on. */
  halt(): void {
    this.#closed = true;
    void this.outbox.lead(false);
  }

  async #stop(): Promise<void> {
    this.halt();
    for (const cancel of this.#timers) cancel();
    this.lines.close();
    await this.outbox.close();
    await this.#stopLeading?.();
  }

  #keeps(key: string): boolean {
    if (key.startsWith("q/")) return this.lines.isWatched(key.slice(2));
    if (!key.startsWith("d/")) return false;
    const [, collection = "", id = ""] = key.split("/");
    if (!this.store.entry(collection, id)?.doc) return false;
    for (const record of this.store.queries.values()) {
      if (record.spec.collection === collection && this.lines.isLive(record.key) && record.ids.includes(id))
        return true;
    }
    return false;
  }

  /** All of one turn are shown together. */
  #touch(views: Iterable<View>): void {
    const wasIdle = this.#dirty.size === 0;
    for (const view of views) this.#dirty.add(view);
    if (!wasIdle || this.#dirty.size === 0) return;
    queueMicrotask(() => {
      const dirty = [...this.#dirty];
      this.#dirty.clear();
      for (const view of dirty) this.#show(view, false);
    });
  }

  #show(view: View, impatient: boolean): void {
    const line = this.lines.of(view.spec);
    if (!line || line.error || this.#closed) return;
    const record = this.store.queries.get(keyOf(view.spec));
    const alone = impatient || line.state === "offline";
    // Without a remembered result the server's is waited for, for a moment.
    if (view.isEmpty && !record && !alone) return;
    if (impatient && !view.isEmpty) return;
    if (!record && !this.queries.isLocal(view.spec)) {
      if (view.isEmpty && alone) view.error(offlineError());
      return;
    }
    view.show(this.results.of(view.spec), !line.confirmed, record?.seq ?? "");
  }

  #contact(reached: boolean): void {
    const back = reached && this.#reached === false;
    this.#reached = reached;
    if (!reached || this.#closed) return;
    if (back) this.outbox.kick();
    if (back) void this.#recheck.run().catch(() => undefined);
    const now = this.#clock.now();
    if (now - this.#renewed < RENEW_EVERY) return;
    this.#renewed = now;
    this.#later(RENEW_AFTER, () => void this.lines.checkAll().catch(() => undefined));
  }

  #dropUntold(at: string): void {
    for (const record of [...this.store.queries.values()]) {
      if (this.lines.isLive(record.key)) this.cache.dropExtra(record, at);
    }
  }

  #later(milliseconds: number, task: () => void): () => void {
    const cancel = after(this.#clock, milliseconds, () => {
      this.#timers.delete(cancel);
      if (!this.#closed) guarded(task);
    });
    this.#timers.add(cancel);
    return cancel;
  }
}

function shownWrite(write: Write): PendingWrite {
  const { id, mutation, state, failure } = write;
  return {
    id,
    collection: mutation.collection,
    documentId: mutation.id,
    kind: mutation.kind,
    mutation,
    state,
    madeAt: new Date(write.madeAt).toISOString(),
    error: failure && errorOf(failure),
  };
}
