/** All live queries of a client: asked once each, however many listen. */
import type { SubscribeSpec } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import type { Clock } from "../transport/types.js";
import { type ClientFrame, MOST_FRAME_BYTES, type ServerFrame, type SubscribeFields } from "./frames.js";
import { fieldsOf, keyOf } from "./spec.js";
import { after, backOff } from "./timing.js";
import type { LiveHandlers, LiveState } from "./types.js";
import { errorOf, Watch } from "./watch.js";

/** What the server takes of one connection. */
const MOST = 100;
/** A component that is mounted again, or another that asks the same, finds what is known. */
const LINGER = 1_000;

export interface Line {
  clock: Clock;
  /** A name that no other frame of this connection has. */
  name(): string;
  /** `false`: there is no link now; what is wanted is asked for when there is. */
  send(frame: ClientFrame): boolean;
  /** What is wanted has become more or less. */
  changed(): void;
}

export class Watches {
  readonly #line: Line;
  readonly #byKey = new Map<string, Watch>();
  readonly #byId = new Map<string, Watch>();
  #state: LiveState = "connecting";

  constructor(line: Line) {
    this.#line = line;
  }

  get isEmpty(): boolean {
    return this.#byId.size === 0;
  }

  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    const fields = fieldsOf(spec);
    const key = keyOf(fields);
    const known = this.#byKey.get(key);
    const watch = known ?? this.#begin(key, fields);
    watch.ending?.();
    watch.ending = null;
    const remove = watch.add(handlers);
    if (!known) this.#ask(watch);
    this.#line.changed();
    let ended = false;
    return () => {
      if (ended) return;
      ended = true;
      remove();
      if (!watch.isHeard) watch.ending ??= after(this.#line.clock, LINGER, () => this.#end(watch));
    };
  }

  wanted(): SubscribeFields[] {
    return [...this.#byId.values()].filter((watch) => this.#isWanted(watch)).map((watch) => watch.fields());
  }

  frame(id: string, frame: ServerFrame): boolean {
    const watch = this.#byId.get(id);
    if (!watch) return false;
    if (frame.type === "error") this.#failed(watch, errorOf(frame));
    else if (watch.frame(frame) === "again") {
      this.#line.send({ type: "unsubscribe", id });
      this.#ask(watch);
    }
    return true;
  }

  become(state: LiveState): void {
    this.#state = state;
    for (const watch of this.#byId.values()) {
      // Live is each for itself, when its own answer came.
      if (state !== "live") watch.become(state);
    }
  }

  restarted(): void {
    for (const watch of this.#byId.values()) watch.restarted();
  }

  lost(): void {
    for (const watch of this.#byId.values()) {
      watch.restarted();
      if (watch.standing === "live") watch.standing = "asked";
    }
  }

  refused(error: BasaltError): void {
    for (const watch of [...this.#byId.values()]) watch.refuse(error);
  }

  /** Other rights: what was refused may be allowed now. */
  reconsider(): void {
    for (const watch of this.#byId.values()) {
      if (watch.standing !== "refused") continue;
      watch.askAgain();
      this.#ask(watch);
    }
  }

  forget(): void {
    for (const watch of this.#byId.values()) watch.forget();
  }

  close(): void {
    for (const watch of [...this.#byId.values()]) this.#forgetWatch(watch);
  }

  #isWanted(watch: Watch): boolean {
    return watch.standing !== "refused" && watch.pausing === null;
  }

  #begin(key: string, fields: Omit<SubscribeFields, "id">): Watch {
    this.#makeRoom();
    const watch = new Watch(this.#line.name(), key, fields, this.#state === "live" ? "connecting" : this.#state);
    const { id } = watch;
    const bytes = new TextEncoder().encode(JSON.stringify(watch.fields())).length;
    if (bytes + 64 > MOST_FRAME_BYTES) {
      throw new BasaltError({ code: "too_large", message: "The query is too long for a live one." });
    }
    // Whoever brings a place of his own holds a result of his own: it isn't shared.
    if (fields.since === undefined) this.#byKey.set(key, watch);
    this.#byId.set(id, watch);
    return watch;
  }

  #makeRoom(): void {
    if (this.#byId.size < MOST) return;
    const unheard = [...this.#byId.values()].find((watch) => !watch.isHeard);
    if (!unheard)
      throw new BasaltError({ code: "quota_exceeded", message: `A client has at most ${MOST} live queries.` });
    this.#end(unheard);
  }

  #ask(watch: Watch): void {
    if (this.#isWanted(watch)) this.#line.send({ type: "subscribe", ...watch.fields() });
  }

  #end(watch: Watch): void {
    if (this.#isWanted(watch)) this.#line.send({ type: "unsubscribe", id: watch.id });
    this.#forgetWatch(watch);
    this.#line.changed();
  }

  #forgetWatch(watch: Watch): void {
    watch.ending?.();
    watch.pausing?.();
    this.#byId.delete(watch.id);
    if (this.#byKey.get(watch.key) === watch) this.#byKey.delete(watch.key);
  }

  #failed(watch: Watch, error: BasaltError): void {
    if (!PASSING.has(error.code)) {
      watch.refuse(error);
      return;
    }
    watch.failures += 1;
    watch.restarted();
    const pause = Math.max(error.retryAfter ?? 0, backOff(watch.failures, this.#line.clock));
    watch.pausing ??= after(this.#line.clock, pause, () => {
      watch.pausing = null;
      this.#ask(watch);
    });
  }
}

/** What is over after a while. */
export const PASSING: ReadonlySet<string> = new Set(["rate_limited", "overloaded", "internal", "outcome_unknown"]);
