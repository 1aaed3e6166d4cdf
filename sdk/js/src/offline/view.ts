/** One subscription of the app: the first result as a snapshot, and from then on what changes in it. */
import type { SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import { difference } from "../query/index.js";
import { guarded } from "../realtime/timing.js";
import type { LiveHandlers, LiveState, LocalMark } from "../realtime/types.js";
import { same } from "./merge.js";
import type { Seen } from "./result.js";

export class View {
  #shown: Seen | undefined;
  #fromCache = true;
  #state: LiveState | undefined;

  readonly #handlers: LiveHandlers;

  constructor(
    readonly spec: SubscribeSpec,
    handlers: LiveHandlers,
  ) {
    this.#handlers = handlers;
  }

  get isEmpty(): boolean {
    return this.#shown === undefined;
  }

  show(seen: Seen, fromCache: boolean, seq: string): void {
    const before = this.#shown;
    const wasFromCache = this.#fromCache;
    this.#shown = seen;
    this.#fromCache = fromCache;
    const local = { fromCache, meta: seen.meta };
    if (!before) {
      guarded(() => this.#handlers.snapshot(seen.docs, seq, local));
      return;
    }
    const changes = difference(before.docs, seen.docs, (one, other) => {
      return same(one, other) && sameMark(before.meta.get(one.id), seen.meta.get(one.id));
    });
    if (changes.length || fromCache !== wasFromCache || !same([...before.meta.keys()], [...seen.meta.keys()])) {
      guarded(() => this.#handlers.changes(changes, seq, local));
    }
  }

  state(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    guarded(() => this.#handlers.state?.(state));
  }

  error(error: BasaltError): void {
    guarded(() => this.#handlers.error(error));
  }

  /** Another user: what was shown is nobody's business any more. */
  reset(): void {
    if (this.#shown) guarded(() => this.#handlers.snapshot([], "", { fromCache: true, meta: new Map() }));
    this.#shown = undefined;
    this.#fromCache = true;
  }
}

function sameMark(one: LocalMark | undefined, other: LocalMark | undefined): boolean {
  return one?.pending === other?.pending && one?.failed?.code === other?.failed?.code;
}
