/** How a write ends: taken, refused, in conflict, or written anew; and what that means for those made on top of it. */
import type { Document, Mutation } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import type { Cache } from "./cache.js";
import { conflictOf, type Rewritten } from "./merge.js";
import { failureOf, type Held, type Write } from "./model.js";
import type { Results } from "./result.js";
import type { Store } from "./store.js";
import type { Conflict } from "./types.js";

export interface FateNeeds {
  store: Store;
  cache: Cache;
  results: Results;
  newKey(): string;
  conflict(conflict: Conflict): void;
}

export class Fate {
  readonly #needs: FateNeeds;

  constructor(needs: FateNeeds) {
    this.#needs = needs;
  }

  /** It is in effect, and the document is so now. */
  async taken(write: Write, rev: string | undefined, held: Held): Promise<void> {
    const { store, cache } = this.#needs;
    this.#dependents(write, rev);
    store.deleteWrite(write);
    cache.acknowledge(write.mutation, held);
    await store.flush();
  }

  /** It turned out to be in effect already. */
  done(write: Write, doc: Document | null): Promise<void> {
    return this.taken(write, doc?.rev, { doc, at: this.#needs.store.known });
  }

  fail(write: Write, error: BasaltError): Promise<void> {
    const failed: Write = { ...write, state: "failed", failure: failureOf(error) };
    // It may not be read any more perhaps: no copy stays.
    if (error.status === 403 || error.status === 404) delete failed.base;
    return this.#leave(write, failed);
  }

  /** People have to decide. */
  async surface(write: Write, theirs: Document | null): Promise<void> {
    const error = new BasaltError({ code: "conflict", message: "Somebody else changed the document.", status: 412 });
    const { base = null } = write;
    const conflict: Write = { ...write, base, state: "conflict", theirs, failure: failureOf(error) };
    this.#see(write, theirs);
    await this.#leave(write, conflict);
    this.#needs.conflict(this.conflict(conflict));
  }

  /** Its place in the order stays, its key doesn't: it is another request. */
  rewrite(write: Write, theirs: Document | null, rewritten: Rewritten): Promise<void> {
    this.#see(write, theirs);
    if (!rewritten) return this.#leave(write, undefined, theirs?.rev);
    const { id, order, madeAt } = write;
    const mutation: Mutation = { ...rewritten, idempotencyKey: this.#needs.newKey() };
    const next: Write = { id, order, madeAt, mutation, state: "queued", base: theirs };
    if (theirs) mutation.ifMatch = next.baseRev = theirs.rev;
    // Those on top of it stay there.
    return this.#replace(write, next);
  }

  drop(write: Write): Promise<void> {
    return this.#leave(write);
  }

  conflict(write: Write, theirs = write.theirs ?? null): Conflict {
    return conflictOf(write, this.#needs.results.applied(write.base ?? null, write), theirs);
  }

  #leave(write: Write, next?: Write, rev?: string): Promise<void> {
    this.#dependents(write, rev);
    return this.#replace(write, next);
  }

  async #replace(write: Write, next?: Write): Promise<void> {
    const { store, cache } = this.#needs;
    if (next) store.putWrite(next);
    else store.deleteWrite(write);
    cache.settle(write.mutation);
    await store.flush();
  }

  /** Writes that were made on top of this one stand on its revision now, or on what it stood on. */
  #dependents(write: Write, rev: string | undefined): void {
    const { store } = this.#needs;
    const { collection, id } = write.mutation;
    for (const other of store.writesOf(collection, id)) {
      if (other.after !== write.id) continue;
      const { after: _, baseRev: __, ...next }: Write = other;
      const below = rev ?? write.baseRev;
      if (below !== undefined) (next as Write).baseRev = below;
      if (rev === undefined && write.after !== undefined) (next as Write).after = write.after;
      store.putWrite(next);
    }
  }

  #see({ mutation }: Write, theirs: Document | null): void {
    if (theirs) this.#needs.cache.observe(mutation.collection, mutation.id, theirs, this.#needs.store.known);
  }
}
