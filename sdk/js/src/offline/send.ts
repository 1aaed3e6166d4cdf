/** One try of one write. It is applied once at most, whatever gets lost. */
import type { Document, DocumentSource, Mutation, WriteResult } from "../documents/types.js";
import { type BasaltError, isBasaltError } from "../errors.js";
import type { Clock } from "../transport/types.js";
import type { Fate, FateNeeds } from "./fate.js";
import { fieldsOf, isRelativePatch, merged, type Rewritten, resolved, same } from "./merge.js";
import { closedError, place, type Write } from "./model.js";
import type { Conflict, ConflictPolicy, Resolution } from "./types.js";

/** The server keeps answers for 24 hours; an hour for clocks that differ. */
const KEPT = 23 * 3_600_000;
/** Faults of the server (500) in a row after which a write counts as refused: it may be the write's own fault. */
const MOST_FAULTS = 10;

export interface SenderNeeds extends FateNeeds {
  online: DocumentSource;
  clock: Clock;
  policy(collection: string): ConflictPolicy;
  contact(reached: boolean): void;
  /** The server took a write at this place. */
  taken(at: string): void;
}

export class Sender {
  readonly #needs: SenderNeeds;
  readonly #fate: Fate;
  readonly #maySend: () => boolean;

  constructor(needs: SenderNeeds, fate: Fate, maySend: () => boolean) {
    this.#needs = needs;
    this.#fate = fate;
    this.#maySend = maySend;
  }

  /** Throws where another try may go better; so many have failed before. */
  async send(write: Write, failures: number): Promise<void> {
    const now = this.#needs.clock.now();
    if (write.sentAt !== undefined) {
      return now - write.sentAt > KEPT ? this.#old(write, failures) : this.#request(write, failures);
    }
    const rev = this.#needs.store.entry(write.mutation.collection, write.mutation.id)?.doc?.rev;
    // Known before it can be true: after a crash nobody takes a write for unsent that may have arrived.
    return this.#keep({ ...write, sentAt: now, ...(rev === undefined ? {} : { sentRev: rev }) }, failures);
  }

  async #keep(write: Write, failures: number): Promise<void> {
    this.#needs.store.putWrite(write);
    await this.#needs.store.flush();
    await this.#request(write, failures);
  }

  async #request(write: Write, failures: number): Promise<void> {
    // While it was stored another user may have signed in, or another tab may have taken over.
    if (!this.#maySend()) throw closedError();
    const { collection, id } = write.mutation;
    let answer: WriteResult;
    let doc: Document | null;
    try {
      answer = await this.#needs.online.write(wire(write));
      doc = isWhole(answer.document) ? answer.document : null;
      // A repeated answer tells of then, at a place of now: what is there now has to be asked.
      if (answer.replayed) doc = await this.#read(write);
    } catch (error) {
      return this.#refused(write, error, failures);
    }
    this.#needs.contact(true);
    const at = place(answer.seq ?? this.#needs.store.entry(collection, id)?.at ?? "");
    await this.#fate.taken(write, answer.document?.rev, { doc, at });
    this.#needs.taken(at);
  }

  async #refused(write: Write, error: unknown, failures: number): Promise<void> {
    if (!isBasaltError(error)) throw error;
    this.#needs.contact(error.status !== 0);
    if (isPassing(error, failures)) throw error;
    const { code } = error;
    if (code === "document_not_found" && write.mutation.kind === "delete") return this.#fate.done(write, null);
    const free = this.#needs.policy(write.mutation.collection) === "last-write-wins";
    if (code === "document_not_found" && !free) return this.#collide(write, null);
    const exists = code === "document_exists";
    if (!exists && code !== "precondition_failed") return this.#fate.fail(write, error);
    const theirs = await this.#read(write);
    if (exists && isOwn(write, theirs)) return this.#fate.done(write, theirs);
    return exists && (free || !theirs) ? this.#fate.fail(write, error) : this.#collide(write, theirs);
  }

  /** It may have been applied, and the server may not know its key any more. */
  async #old(write: Write, failures: number): Promise<void> {
    const { mutation, sentRev } = write;
    const { kind } = mutation;
    const theirs = await this.#read(write);
    const fresh = { ...write, sentAt: this.#needs.clock.now() };
    if (kind === "create" && !theirs) return this.#keep(fresh, failures);
    // The same revision as before the first try: it never arrived, and it can't be applied to any other.
    if (kind !== "create" && theirs && sentRev === theirs.rev) {
      return this.#keep({ ...fresh, mutation: { ...mutation, ifMatch: sentRev }, baseRev: sentRev }, failures);
    }
    return this.#isInEffect(write, theirs) ? this.#fate.done(write, theirs) : this.#fate.surface(write, theirs);
  }

  #isInEffect(write: Write, theirs: Document | null): boolean {
    if (write.mutation.kind === "create") return isOwn(write, theirs);
    if (!theirs) return write.mutation.kind === "delete";
    const after = this.#needs.results.applied(theirs, write);
    return !isRelativePatch(write.mutation) && after !== null && same(fieldsOf(after), fieldsOf(theirs));
  }

  /** Somebody else changed the document since: the collection's policy decides. */
  async #collide(write: Write, theirs: Document | null): Promise<void> {
    const policy = this.#needs.policy(write.mutation.collection);
    const conflict = this.#fate.conflict(write, theirs);
    let rewritten: Rewritten | undefined;
    if (typeof policy === "function") {
      const resolution = await decided(policy, conflict);
      if (resolution !== undefined) rewritten = resolved(conflict, resolution);
    } else if (typeof policy === "object") rewritten = merged(conflict, policy.merge);
    else if (policy === "merge") rewritten = merged(conflict);
    await (rewritten === undefined ? this.#fate.surface(write, theirs) : this.#fate.rewrite(write, theirs, rewritten));
  }

  async #read({ mutation }: Write): Promise<Document | null> {
    try {
      return await this.#needs.online.get(mutation.collection, mutation.id);
    } catch (error) {
      if (isUnreadable(error)) return null;
      throw error;
    }
  }
}

/** Not there, or not for this user. */
export const isUnreadable = (error: unknown): boolean =>
  isBasaltError(error) && (error.status === 404 || error.status === 403);

/** The request as it is sent: with a guard where the write is about a revision. */
function wire({ mutation, base, baseRev }: Write): Mutation {
  const { ifMatch, ...free } = mutation;
  const guarded = (base !== undefined || ifMatch !== undefined) && mutation.kind !== "create";
  return guarded && baseRev !== undefined ? { ...free, ifMatch: baseRev } : free;
}

const isWhole = (document: object | null): document is Document => document !== null && "createdAt" in document;

/** The document that is there already is what this write makes. */
function isOwn(write: Write, theirs: Document | null): boolean {
  return theirs !== null && same(fieldsOf((write.mutation.data ?? {}) as Document), fieldsOf(theirs));
}

/** Another try may go better: nobody said no to the write itself. */
function isPassing({ status, code }: BasaltError, failures: number): boolean {
  if (status === 0) return !["bad_argument", "bad_patch"].includes(code);
  if (status === 500) return failures < MOST_FAULTS;
  // bad_answer: somebody on the way answered in the server's place.
  return status > 500 || [401, 408, 429].includes(status) || ["bad_answer", "idempotency_in_progress"].includes(code);
}

async function decided(policy: (conflict: Conflict) => unknown, conflict: Conflict): Promise<Resolution | undefined> {
  try {
    return (await policy(conflict)) as Resolution | undefined;
  } catch {
    // The app's function failed: people decide.
    return undefined;
  }
}
