/** Writes that wait for the server: kept before they are seen, sent in order by one tab, never applied twice. */
import type { Document, DocumentSource, Mutation, WriteResult } from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import { after, backOff } from "../realtime/timing.js";
import type { Clock } from "../transport/types.js";
import { type Cache, isUnderWay } from "./cache.js";
import { conflictOf, fieldsOf, isRelativePatch, merged, type Rewritten, resolved, same } from "./merge.js";
import { failureOf, place, type Write } from "./model.js";
import type { Results } from "./result.js";
import type { Store } from "./store.js";
import type { Conflict, ConflictPolicy, Resolution } from "./types.js";

/** The server keeps answers for 24 hours; an hour for clocks that differ. */
const KEPT = 23 * 3_600_000;
const MOST_PAUSE = 60_000;
/** How long the tab that sends is waited for. */
const OTHERS = 10_000;
/** Faults of the server (500) in a row after which a write counts as refused: it may be the write's own fault. */
const MOST_FAULTS = 10;

export interface OutboxNeeds {
  store: Store;
  cache: Cache;
  results: Results;
  online: DocumentSource;
  clock: Clock;
  newKey(): string;
  policy(collection: string): ConflictPolicy;
  most: number;
  conflict(conflict: Conflict): void;
  contact(reached: boolean): void;
  /** The server took a write at this place. */
  taken(at: string): void;
}

/** How a try went: the next write's turn; or this one's again, later. */
type Turn = "next" | { again: BasaltError };

export class Outbox {
  #leads = false;
  #closed = false;
  #running: Promise<void> | undefined;
  #pause: AbortController | undefined;
  #failures = 0;
  #lastOrder = 0;
  #guarded: Promise<unknown> = Promise.resolve();
  readonly #adding = new Map<string, string>();
  readonly #waiting = new Set<{ done(): void; fail(error: BasaltError): void }>();

  constructor(private readonly needs: OutboxNeeds) {}

  /** Resolves when the write is stored. */
  async add(mutation: Mutation): Promise<Write> {
    const { store, most } = this.needs;
    if (store.writes.size + this.#adding.size >= most) {
      throw new BasaltError({ code: "outbox_full", message: `${most} writes wait already.` });
    }
    if (mutation.ifMatch === undefined && this.needs.policy(mutation.collection) === "last-write-wins") {
      return this.#add(mutation, false);
    }
    // What it is made on has to be seen first: the write before it.
    const added = this.#guarded.then(() => this.#add(mutation, true));
    this.#guarded = added.catch(() => undefined);
    return added;
  }

  /** Whether this tab sends. */
  async lead(leads: boolean): Promise<void> {
    this.#leads = leads;
    if (!leads) return;
    await this.needs.store.reloadWrites();
    this.kick();
  }

  /** Something may have changed: try now. */
  kick(): void {
    this.#pause?.abort();
    if (this.#closed || !this.#leads) {
      this.#tell();
      return;
    }
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      // One may have come when the last one was done.
      if (this.#next() && this.#leads) this.kick();
      else this.#tell();
    });
  }

  /** Resolves when nothing waits any more; rejects when a try fails. */
  drained(): Promise<void> {
    if (!this.#next()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const end = (answer: () => void) => {
        this.#waiting.delete(waiter);
        stopWaiting();
        answer();
      };
      const waiter = { done: () => end(resolve), fail: (error: BasaltError) => end(() => reject(error)) };
      // Another tab sends, and doesn't tell of its failures.
      const late = new BasaltError({ code: "offline", message: "The writes that wait have not been taken yet." });
      const stopWaiting = after(this.needs.clock, OTHERS, () => !this.#leads && waiter.fail(late));
      this.#waiting.add(waiter);
      this.kick();
    });
  }

  async retry(id: string): Promise<void> {
    const write = this.#find(id);
    if (write.state !== "failed") throw refused(`The write ${id} has not failed.`);
    const { failure: _, ...again } = write;
    // A refused write left no answer behind, so its key is free; a new try is another chance of being under way.
    this.needs.store.putWrite(unsent({ ...again, state: "queued" }));
    await this.needs.store.flush();
    this.kick();
  }

  async discard(id: string): Promise<void> {
    const write = this.#find(id);
    if (isUnderWay(write)) {
      throw new BasaltError({ code: "write_under_way", message: "The write may have reached the server already." });
    }
    this.#drop(write);
    await this.needs.store.flush();
    this.kick();
  }

  async resolve(id: string, resolution: Resolution): Promise<void> {
    const write = this.#find(id);
    if (write.state !== "conflict") throw refused(`The write ${id} is in no conflict.`);
    this.#rewrite(write, write.theirs ?? null, resolved(this.conflict(write), resolution));
    await this.needs.store.flush();
    this.kick();
  }

  conflicts(): Conflict[] {
    return [...this.needs.store.writes.values()].filter((write) => write.state === "conflict").map(this.conflict);
  }

  conflict = (write: Write): Conflict =>
    conflictOf(write, this.needs.results.applied(write.base ?? null, write), write.theirs ?? null);

  async close(): Promise<void> {
    this.#closed = true;
    this.#leads = false;
    this.#pause?.abort();
    const closed = new BasaltError({ code: "closed", message: "The client is closed." });
    for (const waiter of [...this.#waiting]) waiter.fail(closed);
    await this.#running;
  }

  async #add(mutation: Mutation, guarded: boolean): Promise<Write> {
    const { store, results, clock } = this.needs;
    const { collection, id } = mutation;
    const madeAt = clock.now();
    const write: Write = { id: mutation.idempotencyKey, order: this.#order(madeAt), mutation, state: "queued", madeAt };
    if (guarded) {
      const before = store
        .writesOf(collection, id)
        .filter((other) => other.state === "queued")
        .at(-1);
      const rev = mutation.ifMatch ?? store.entry(collection, id)?.doc?.rev;
      write.base = results.document(collection, id);
      if (rev !== undefined) write.baseRev = rev;
      if (before) write.after = before.id;
    }
    this.#adding.set(write.id, write.order);
    try {
      await store.addWrite(write);
    } finally {
      this.#adding.delete(write.id);
    }
    this.kick();
    return write;
  }

  /** Sorts as time does, and after every write that this tab has seen. */
  #order(now: number): string {
    this.#lastOrder = Math.max(now * 1_000, this.#lastOrder + 1, Number(this.needs.store.lastOrder) + 1);
    return String(this.#lastOrder).padStart(16, "0");
  }

  #next(): Write | undefined {
    for (const write of this.needs.store.writes.values()) if (write.state === "queued") return write;
    return undefined;
  }

  async #run(): Promise<void> {
    for (let write = this.#next(); write && this.#leads; write = this.#next()) {
      const waiting = [...this.#waiting];
      const turn = await this.#try(write);
      if (turn === "next") {
        this.#failures = 0;
        continue;
      }
      this.#failures += 1;
      for (const waiter of waiting) waiter.fail(turn.again);
      if (!this.#leads) return;
      // Who came meanwhile has a try of his own.
      if (this.#waiting.size) continue;
      this.#pause = new AbortController();
      const pause = Math.max(turn.again.retryAfter ?? 0, backOff(this.#failures, this.needs.clock));
      await this.needs.clock.sleep(Math.min(pause, MOST_PAUSE), this.#pause.signal).catch(() => undefined);
      this.#pause = undefined;
    }
  }

  #tell(): void {
    if (!this.#next()) for (const waiter of [...this.#waiting]) waiter.done();
  }

  /** One try. Whatever goes wrong here, the write stays until its fate is known. */
  async #try(write: Write): Promise<Turn> {
    try {
      await this.#send(write);
      return "next";
    } catch (error) {
      const failure = isBasaltError(error)
        ? error
        : new BasaltError({ code: "storage", message: String(error), cause: error });
      return { again: failure };
    }
  }

  async #send(first: Write): Promise<void> {
    const { store, online, cache, clock } = this.needs;
    let write = first;
    const { collection, id } = write.mutation;
    if (write.sentAt !== undefined && clock.now() - write.sentAt > KEPT) return this.#old(write);
    if (write.sentAt === undefined) {
      const rev = store.entry(collection, id)?.doc?.rev;
      write = { ...write, sentAt: clock.now() };
      if (rev !== undefined) write.sentRev = rev;
      // Known before it can be true: after a crash nobody takes a write for unsent that may have arrived.
      store.putWrite(write);
      await store.flush();
    }
    let answer: WriteResult;
    let document: Document | null;
    try {
      answer = await online.write(wire(write));
      document = isWhole(answer.document) ? answer.document : null;
      // A repeated answer tells of then, at a place of now: what is there now has to be asked.
      if (answer.replayed) document = await this.#read(collection, id);
    } catch (error) {
      return this.#refused(write, error);
    }
    this.needs.contact(true);
    const at = place(answer.seq ?? store.entry(collection, id)?.at ?? "");
    this.#dependents(write, answer.document?.rev);
    store.deleteWrite(write);
    cache.acknowledge(collection, id, { doc: document, at });
    this.needs.taken(at);
    await store.flush();
  }

  async #refused(write: Write, error: unknown): Promise<void> {
    if (!isBasaltError(error) || isPassing(error, this.#failures)) {
      if (isBasaltError(error)) this.needs.contact(error.status !== 0);
      throw error;
    }
    this.needs.contact(true);
    if (error.code === "document_not_found" && write.mutation.kind === "delete") return this.#done(write, null);
    const free = this.needs.policy(write.mutation.collection) === "last-write-wins";
    const gone = error.code === "document_not_found" && !free;
    if (!gone && error.code !== "precondition_failed" && error.code !== "document_exists")
      return this.#fail(write, error);
    const theirs = gone ? null : await this.#read(write.mutation.collection, write.mutation.id);
    if (error.code === "document_exists") {
      if (theirs && isOwn(write, theirs)) return this.#done(write, theirs);
      if (!theirs || free) return this.#fail(write, error);
    }
    await this.#collide(write, theirs);
  }

  /** It may have been applied, and the server may not know its key any more. */
  async #old(write: Write): Promise<void> {
    const { mutation, sentRev } = write;
    const theirs = await this.#read(mutation.collection, mutation.id);
    const fresh = { ...write, sentAt: this.needs.clock.now() };
    if (mutation.kind === "create") {
      if (theirs) return isOwn(write, theirs) ? this.#done(write, theirs) : this.#surface(write, theirs);
      return this.#again(fresh);
    }
    if (!theirs && mutation.kind === "delete") return this.#done(write, null);
    // The same revision as before the first try: it never arrived, and it can't be applied to any other.
    if (theirs && sentRev === theirs.rev)
      return this.#again({ ...fresh, mutation: { ...mutation, ifMatch: sentRev }, baseRev: sentRev });
    const after = theirs && this.needs.results.applied(theirs, write);
    if (theirs && !isRelativePatch(mutation) && same(fieldsOf(after), fieldsOf(theirs)))
      return this.#done(write, theirs);
    await this.#surface(write, theirs);
  }

  async #again(write: Write): Promise<void> {
    this.needs.store.putWrite(write);
    await this.needs.store.flush();
    await this.#send(write);
  }

  /** Somebody else changed the document since: the collection's policy decides. */
  async #collide(write: Write, theirs: Document | null): Promise<void> {
    const policy = this.needs.policy(write.mutation.collection);
    const conflict = conflictOf(write, this.needs.results.applied(write.base ?? null, write), theirs);
    let rewritten: Rewritten | undefined;
    if (typeof policy === "function") {
      const resolution = await decided(policy, conflict);
      if (resolution !== undefined) rewritten = resolved(conflict, resolution);
    } else if (typeof policy === "object") rewritten = merged(conflict, policy.merge);
    else if (policy === "merge") rewritten = merged(conflict);
    if (rewritten === undefined) return this.#surface(write, theirs);
    this.#rewrite(write, theirs, rewritten);
    await this.needs.store.flush();
  }

  /** The write's place in the order stays, its key doesn't: it is another request. */
  #rewrite(write: Write, theirs: Document | null, rewritten: Rewritten): void {
    this.#see(write, theirs);
    if (rewritten === null) {
      this.#dependents(write, theirs?.rev);
      this.needs.store.deleteWrite(write);
      this.needs.cache.settle(write.mutation.collection, write.mutation.id);
      return;
    }
    const { id, order, madeAt } = write;
    const next: Write = {
      id,
      order,
      madeAt,
      mutation: { ...rewritten, idempotencyKey: this.needs.newKey() },
      state: "queued",
      base: theirs,
    };
    if (theirs) next.mutation.ifMatch = next.baseRev = theirs.rev;
    this.needs.store.putWrite(next);
    this.needs.cache.settle(write.mutation.collection, write.mutation.id);
  }

  async #surface(write: Write, theirs: Document | null): Promise<void> {
    const message = "The document was changed by somebody else since.";
    const failure = failureOf(new BasaltError({ code: "conflict", message, status: 412 }));
    const conflict: Write = { ...write, state: "conflict", theirs, failure };
    conflict.base ??= null;
    this.#see(write, theirs);
    this.#dependents(write, undefined);
    this.needs.store.putWrite(conflict);
    this.needs.cache.settle(write.mutation.collection, write.mutation.id);
    await this.needs.store.flush();
    this.needs.conflict(this.conflict(conflict));
  }

  async #fail(write: Write, error: BasaltError): Promise<void> {
    this.#dependents(write, undefined);
    const failed: Write = { ...write, state: "failed", failure: failureOf(error) };
    // It may not be read any more perhaps: no copy stays.
    if (error.status === 403 || error.status === 404) delete failed.base;
    this.needs.store.putWrite(failed);
    this.needs.cache.settle(write.mutation.collection, write.mutation.id);
    await this.needs.store.flush();
  }

  /** It turned out to be in effect. */
  async #done(write: Write, document: Document | null): Promise<void> {
    this.#dependents(write, document?.rev);
    this.needs.store.deleteWrite(write);
    this.needs.cache.acknowledge(write.mutation.collection, write.mutation.id, {
      doc: document,
      at: this.needs.store.known,
    });
    await this.needs.store.flush();
  }

  #drop(write: Write): void {
    this.#dependents(write, undefined);
    this.needs.store.deleteWrite(write);
    this.needs.cache.settle(write.mutation.collection, write.mutation.id);
  }

  /** Writes that were made on top of this one stand on its revision now, or on what it stood on. */
  #dependents(write: Write, rev: string | undefined): void {
    const { collection, id } = write.mutation;
    for (const other of this.needs.store.writesOf(collection, id)) {
      if (other.after !== write.id) continue;
      const { after: _, baseRev: __, ...rest } = other;
      const below = rev ?? write.baseRev;
      const next: Write = below === undefined ? rest : { ...rest, baseRev: below };
      if (rev === undefined && write.after !== undefined) next.after = write.after;
      this.needs.store.putWrite(next);
    }
  }

  #see(write: Write, theirs: Document | null): void {
    if (theirs) this.needs.cache.observe(write.mutation.collection, write.mutation.id, theirs, this.needs.store.known);
  }

  async #read(collection: string, id: string): Promise<Document | null> {
    return this.needs.online.get(collection, id).catch((error) => {
      if (isBasaltError(error) && (error.status === 404 || error.status === 403)) return null;
      throw error;
    });
  }

  #find(id: string): Write {
    const write = this.needs.store.writes.get(id);
    if (!write) throw refused(`There is no write ${id}.`);
    return write;
  }
}

/** The request as it is sent: with a guard where the write is about a revision. */
function wire(write: Write): Mutation {
  const { mutation, base, baseRev } = write;
  const { ifMatch, ...free } = mutation;
  const guarded = (base !== undefined || ifMatch !== undefined) && mutation.kind !== "create";
  return guarded && baseRev !== undefined ? { ...free, ifMatch: baseRev } : free;
}

function unsent({ sentAt: _, sentRev: __, ...write }: Write): Write {
  return write;
}

const isWhole = (document: object | null): document is Document => document !== null && "createdAt" in document;

/** The document that is there already is what this write makes. */
function isOwn(write: Write, theirs: Document): boolean {
  return same(fieldsOf((write.mutation.data ?? {}) as Document), fieldsOf(theirs));
}

/** Another try may go better: nobody said no to the write itself. */
function isPassing(error: BasaltError, failures: number): boolean {
  const { status, code } = error;
  if (status === 0) return !["bad_argument", "bad_patch"].includes(code);
  // Somebody on the way answered in the server's place.
  if (code === "bad_answer") return true;
  if (status === 500) return failures < MOST_FAULTS;
  return status > 500 || status === 401 || status === 408 || status === 429 || code === "idempotency_in_progress";
}

async function decided(policy: (conflict: Conflict) => unknown, conflict: Conflict): Promise<Resolution | undefined> {
  try {
    return (await policy(conflict)) as Resolution | undefined;
  } catch {
    // The app's function failed: people decide.
    return undefined;
  }
}

const refused = (message: string): BasaltError => new BasaltError({ code: "bad_argument", message });
