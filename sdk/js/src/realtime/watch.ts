/** One subscription of the connection, shared by all who asked the same: what it holds, and who hears of it. */
import type { Document } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import type { ChangeFrame, FlatDocument, ServerFrame, SubscribeFields } from "./frames.js";
import { guarded } from "./timing.js";
import type { LiveChange, LiveHandlers, LiveState } from "./types.js";

/** Changes of one commit, or of a long absence, that are gathered: the server looks through 10,000 at most. */
const MOST_GATHERED = 50_000;

interface Listener {
  handlers: LiveHandlers;
  /** Has it been given what there was when it came? */
  caughtUp: boolean;
}

/** `refused` until another user signs in. */
type Standing = "asked" | "live" | "refused";

export class Watch {
  readonly #asked: Omit<SubscribeFields, "id">;
  #state: LiveState;
  standing: Standing = "asked";
  /** Undone when somebody listens again. */
  ending: (() => void) | null = null;
  /** Set while the server wants to be left alone for a moment. */
  pausing: (() => void) | null = null;
  failures = 0;
  readonly #listeners = new Set<Listener>();
  /** `null` until a snapshot came: then only changes are handed on, to one who holds the result himself. */
  #docs: FlatDocument[] | null = null;
  #seq: string | null;
  #gathered: ChangeFrame[] = [];
  #error: BasaltError | null = null;

  constructor(
    readonly id: string,
    readonly key: string,
    asked: Omit<SubscribeFields, "id">,
    state: LiveState,
  ) {
    this.#asked = asked;
    this.#state = state;
    this.#seq = asked.since ?? null;
  }

  get isHeard(): boolean {
    return this.#listeners.size > 0;
  }

  fields(): SubscribeFields {
    const { since: _, ...fields } = this.#asked;
    return { id: this.id, ...fields, ...(this.#seq !== null && { since: this.#seq }) };
  }

  add(handlers: LiveHandlers): () => void {
    const listener: Listener = { handlers, caughtUp: false };
    this.#listeners.add(listener);
    // Not before `subscribe()` has returned.
    queueMicrotask(() => this.#catchUp(listener));
    return () => this.#listeners.delete(listener);
  }

  /** A frame with this subscription's id; `"again"`: it has to be asked for anew, from the beginning. */
  frame(frame: ServerFrame): "again" | undefined {
    switch (frame.type) {
      case "snapshot":
        this.#gathered = [];
        this.#docs = frame.docs;
        this.#seq = frame.seq;
        this.#live();
        this.#tell(({ snapshot }) => snapshot([...frame.docs] as Document[], frame.seq));
        return;
      case "change":
        return this.#gather(frame);
      case "ok":
        this.#live();
        return;
      case "resync":
        this.restarted();
    }
  }

  restarted(): void {
    this.#gathered = [];
  }

  refuse(error: BasaltError): void {
    this.standing = "refused";
    this.#error = error;
    this.#gathered = [];
    this.#tell((handlers) => handlers.error(error));
  }

  askAgain(): void {
    this.standing = "asked";
    this.#error = null;
  }

  /** What is known was for somebody else. */
  forget(): void {
    this.#gathered = [];
    this.#seq = null;
    const had = this.#docs;
    this.#docs = null;
    if (had !== null && had.length > 0) this.#tell(({ snapshot }) => snapshot([], "0"));
  }

  become(state: LiveState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#tell((handlers) => handlers.state?.(state));
  }

  #live(): void {
    this.standing = "live";
    this.failures = 0;
    this.become("live");
  }

  #gather(frame: ChangeFrame): "again" | undefined {
    if (this.#gathered.length >= MOST_GATHERED) {
      this.#gathered = [];
      this.#seq = null;
      return "again";
    }
    this.#gathered.push(frame);
    if (frame.more) return;
    const frames = this.#gathered;
    this.#gathered = [];
    this.#seq = frame.seq;
    const changes = this.#docs === null ? frames.map(asTold) : frames.flatMap((told) => this.#apply(told));
    if (changes.length > 0) this.#tell((handlers) => handlers.changes(changes, frame.seq));
  }

  #apply({ op, doc, index }: ChangeFrame): LiveChange[] {
    const docs = this.#docs ?? [];
    const old = docs.findIndex(({ id }) => id === doc.id);
    if (old >= 0) docs.splice(old, 1);
    // When going on from a place, what isn't here may be told to be gone.
    if (op === "removed") return old < 0 ? [] : [{ op, doc: { id: doc.id }, index: old }];
    const place = Math.min(index ?? docs.length, docs.length);
    docs.splice(place, 0, doc);
    return [{ op: old < 0 ? "added" : "modified", doc, index: place }];
  }

  #catchUp(listener: Listener): void {
    if (!this.#listeners.has(listener)) return;
    listener.caughtUp = true;
    const { handlers } = listener;
    guarded(() => handlers.state?.(this.#state));
    const [docs, seq, error] = [this.#docs, this.#seq, this.#error];
    if (docs !== null && seq !== null) guarded(() => handlers.snapshot([...docs] as Document[], seq));
    if (error !== null) guarded(() => handlers.error(error));
  }

  #tell(call: (handlers: LiveHandlers) => void): void {
    for (const listener of [...this.#listeners]) {
      if (listener.caughtUp && this.#listeners.has(listener)) guarded(() => call(listener.handlers));
    }
  }
}

function asTold({ op, doc, index }: ChangeFrame): LiveChange {
  return { op, doc, index: index ?? -1 };
}

/** The error that a frame tells of. */
export function errorOf(frame: Extract<ServerFrame, { type: "error" }>): BasaltError {
  const { code, message, errors, retryAfterMs } = frame;
  return new BasaltError({
    code,
    message,
    ...(errors !== undefined && { errors }),
    ...(retryAfterMs !== undefined && { retryAfter: retryAfterMs }),
  });
}
