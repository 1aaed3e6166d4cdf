/** One subscription of the app: the first result as a snapshot, and from then on what changes in it. */
import type { Document, SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import { guarded } from "../realtime/timing.js";
import type { LiveChange, LiveHandlers, LiveState, LocalMark } from "../realtime/types.js";
import type { Seen } from "./result.js";

type Same = (one: unknown, other: unknown) => boolean;

export class View {
  #shown: Seen | undefined;
  #fromCache = true;
  #state: LiveState | undefined;

  constructor(
    readonly spec: SubscribeSpec,
    private readonly handlers: LiveHandlers,
  ) {}

  get isEmpty(): boolean {
    return this.#shown === undefined;
  }

  show(seen: Seen, fromCache: boolean, seq: string, same: Same): void {
    const before = this.#shown;
    const wasFromCache = this.#fromCache;
    this.#shown = seen;
    this.#fromCache = fromCache;
    const local = { fromCache, meta: seen.meta };
    if (!before) {
      guarded(() => this.handlers.snapshot(seen.docs, seq, local));
      return;
    }
    const changes = difference(before, seen, same);
    if (changes.length || fromCache !== wasFromCache || !same([...before.meta.keys()], [...seen.meta.keys()])) {
      guarded(() => this.handlers.changes(changes, seq, local));
    }
  }

  state(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    guarded(() => this.handlers.state?.(state));
  }

  error(error: BasaltError): void {
    guarded(() => this.handlers.error(error));
  }

  /** Another user: what was shown is nobody's business any more. */
  reset(): void {
    if (this.#shown) guarded(() => this.handlers.snapshot([], "", { fromCache: true, meta: new Map() }));
    this.#shown = undefined;
    this.#fromCache = true;
  }
}

/** From one list to the other as a live query tells it: each index is right when its turn comes. */
export function difference(before: Seen, next: Seen, same: Same): LiveChange[] {
  const changes: LiveChange[] = [];
  const wanted = new Map(next.docs.map((doc, index) => [doc.id, index]));
  const known = new Map(before.docs.map((doc) => [doc.id, doc]));
  const work: string[] = [];
  for (const doc of before.docs) {
    if (wanted.has(doc.id)) work.push(doc.id);
    else changes.push({ op: "removed", doc: { id: doc.id }, index: work.length });
  }
  for (const [index, doc] of next.docs.entries()) {
    const old = known.get(doc.id);
    // One that goes further back is taken out, and put in when its place comes.
    if (work[index] !== doc.id && work[index + 1] === doc.id) work.splice(index, 1);
    if (work[index] === doc.id && old && same(old, doc) && sameMeta(before.meta.get(doc.id), next.meta.get(doc.id)))
      continue;
    const now = work.indexOf(doc.id, index);
    if (now >= 0) work.splice(now, 1);
    work.splice(index, 0, doc.id);
    changes.push({ op: old ? "modified" : "added", doc: doc as Document & LiveChange["doc"], index });
  }
  return changes;
}

function sameMeta(one: LocalMark | undefined, other: LocalMark | undefined): boolean {
  return one?.pending === other?.pending && one?.failed?.code === other?.failed?.code;
}
