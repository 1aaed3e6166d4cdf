/** Writes that wait for the server: kept before they are seen, sent in order by one tab, never applied twice. */
import type { Mutation } from "../documents/types.js";
import { BasaltError, badArgument, isBasaltError } from "../errors.js";
import { after, backOff } from "../realtime/timing.js";
import { isUnderWay } from "./cache.js";
import { Fate } from "./fate.js";
import { resolved } from "./merge.js";
import { closedError, offlineError, type Write } from "./model.js";
import { Sender, type SenderNeeds } from "./send.js";
import type { Conflict, Resolution } from "./types.js";

const MOST_PAUSE = 60_000;
/** How long the tab that sends is waited for. */
const OTHERS = 10_000;

export interface OutboxNeeds extends SenderNeeds {
  /** Writes that may wait. */
  most: number;
}

export class Outbox {
  readonly #needs: OutboxNeeds;
  readonly #fate: Fate;
  readonly #sender: Sender;
  readonly #waiting = new Set<{ done(): void; fail(error: BasaltError): void }>();
  #leads = false;
  #closed = false;
  #running: Promise<void> | undefined;
  #pause: AbortController | undefined;
  #failures = 0;
  #lastOrder = 0;
  #adding = 0;
  #guarded: Promise<unknown> = Promise.resolve();

  constructor(needs: OutboxNeeds) {
    this.#needs = needs;
    this.#fate = new Fate(needs);
    this.#sender = new Sender(needs, this.#fate, () => this.#leads);
  }

  /** Resolves when the write is stored. */
  async add(mutation: Mutation): Promise<void> {
    const { store, most, policy } = this.#needs;
    if (store.writes.size + this.#adding >= most) {
      throw new BasaltError({ code: "outbox_full", message: `${most} writes wait already.` });
    }
    if (mutation.ifMatch === undefined && policy(mutation.collection) === "last-write-wins") {
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
    await this.#needs.store.reloadWrites();
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
      const stopWaiting = after(this.#needs.clock, OTHERS, () => !this.#leads && waiter.fail(offlineError()));
      this.#waiting.add(waiter);
      this.kick();
    });
  }

  async retry(id: string): Promise<void> {
    // A refused write left no answer behind, so its key is free.
    const { failure: _, sentAt: __, sentRev: ___, ...again } = this.#find(id, "failed");
    this.#needs.store.putWrite({ ...again, state: "queued" });
    await this.#needs.store.flush();
    this.kick();
  }

  async discard(id: string): Promise<void> {
    const write = this.#find(id);
    if (isUnderWay(write))
      throw new BasaltError({ code: "write_under_way", message: "It may have reached the server." });
    await this.#fate.drop(write);
    this.kick();
  }

  async resolve(id: string, resolution: Resolution): Promise<void> {
    const write = this.#find(id, "conflict");
    await this.#fate.rewrite(write, write.theirs ?? null, resolved(this.#fate.conflict(write), resolution));
    this.kick();
  }

  conflicts(): Conflict[] {
    const conflicts = [...this.#needs.store.writes.values()].filter((write) => write.state === "conflict");
    return conflicts.map((write) => this.#fate.conflict(write));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#leads = false;
    this.#pause?.abort();
    for (const waiter of [...this.#waiting]) waiter.fail(closedError());
    await this.#running;
  }

  async #add(mutation: Mutation, guarded: boolean): Promise<void> {
    const { store, results, clock } = this.#needs;
    const { collection, id, idempotencyKey } = mutation;
    const madeAt = clock.now();
    // Sorts as time does, and after every write that this tab has seen.
    this.#lastOrder = Math.max(madeAt * 1_000, this.#lastOrder + 1, Number(store.lastOrder) + 1);
    const order = String(this.#lastOrder).padStart(16, "0");
    const write: Write = { id: idempotencyKey, order, mutation, state: "queued", madeAt };
    if (guarded) {
      const before = store.writesOf(collection, id).filter((other) => other.state === "queued");
      const rev = mutation.ifMatch ?? store.entry(collection, id)?.doc?.rev;
      const last = before.at(-1);
      write.base = results.document(collection, id);
      if (rev !== undefined) write.baseRev = rev;
      if (last) write.after = last.id;
    }
    this.#adding += 1;
    await store.addWrite(write).finally(() => {
      this.#adding -= 1;
    });
    this.kick();
  }

  #next(): Write | undefined {
    for (const write of this.#needs.store.writes.values()) if (write.state === "queued") return write;
    return undefined;
  }

  async #run(): Promise<void> {
    for (let write = this.#next(); write && this.#leads; write = this.#next()) {
      const waiting = [...this.#waiting];
      const error = await this.#try(write);
      if (!error) {
        this.#failures = 0;
        continue;
      }
      this.#failures += 1;
      for (const waiter of waiting) waiter.fail(error);
      if (!this.#leads) return;
      // Who came meanwhile has a try of his own.
      if (this.#waiting.size) continue;
      this.#pause = new AbortController();
      const pause = Math.max(error.retryAfter ?? 0, backOff(this.#failures, this.#needs.clock));
      await this.#needs.clock.sleep(Math.min(pause, MOST_PAUSE), this.#pause.signal).catch(() => undefined);
      this.#pause = undefined;
    }
  }

  /** Whatever goes wrong here, the write stays until its fate is known. */
  async #try(write: Write): Promise<BasaltError | undefined> {
    try {
      await this.#sender.send(write, this.#failures);
      return undefined;
    } catch (cause) {
      return isBasaltError(cause) ? cause : new BasaltError({ code: "storage", message: String(cause), cause });
    }
  }

  #tell(): void {
    if (!this.#next()) for (const waiter of [...this.#waiting]) waiter.done();
  }

  #find(id: string, state?: Write["state"]): Write {
    const write = this.#needs.store.writes.get(id);
    if (!write || (state && write.state !== state)) throw badArgument(`There is no ${state ?? "pending"} write ${id}.`);
    return write;
  }
}
