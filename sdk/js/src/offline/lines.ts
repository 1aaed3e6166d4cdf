/** Live results: one subscription at the server for all views of the same members. */
import type { DocumentSource, SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import type { LiveHandlers, LiveState } from "../realtime/types.js";
import type { Cache } from "./cache.js";
import { closedError, keyOf, membersOf, offlineError } from "./model.js";
import type { Store } from "./store.js";
import type { View } from "./view.js";

/** Of results that are asked for anew at a time. */
const AT_A_TIME = 4;

interface Line {
  spec: SubscribeSpec;
  views: Set<View>;
  /** Those who wait for one answer. */
  waiting: Set<(error?: BasaltError) => void>;
  state: LiveState;
  /** The server has confirmed the result since the line began. */
  confirmed: boolean;
  /** Why there is no result. */
  error?: BasaltError | undefined;
  /** It goes on from a place: no snapshot tells that it is up to date. */
  resumes: boolean;
  stop(): void;
}

export interface LineEvents {
  dirty(view: View): void;
  /** The server was reached, or not. */
  contact(reached: boolean): void;
}

export class Lines {
  readonly #lines = new Map<string, Line>();

  readonly #store: Store;
  readonly #cache: () => Cache;
  readonly #online: Pick<DocumentSource, "subscribe">;
  readonly #events: LineEvents;

  constructor(store: Store, cache: () => Cache, online: Pick<DocumentSource, "subscribe">, events: LineEvents) {
    this.#store = store;
    this.#cache = cache;
    this.#online = online;
    this.#events = events;
  }

  join(view: View): void {
    const line = this.#line(view.spec);
    line.views.add(view);
    view.state(line.state);
    this.#cache().use(line.spec);
    if (line.error) view.error(line.error);
    this.#events.dirty(view);
  }

  leave(view: View): void {
    const key = keyOf(view.spec);
    const line = this.#lines.get(key);
    if (line?.views.delete(view)) this.#end(key, line);
  }

  isLive = (key: string): boolean => {
    const line = this.#lines.get(key);
    return line?.confirmed === true && line.state === "live";
  };

  isWatched = (key: string): boolean => this.#lines.has(key);

  of(spec: SubscribeSpec): Pick<Line, "state" | "confirmed" | "error"> | undefined {
    return this.#lines.get(keyOf(spec));
  }

  viewsOf(key: string): Iterable<View> {
    return this.#lines.get(key)?.views ?? [];
  }

  *viewsIn(collection: string): Iterable<View> {
    for (const line of this.#lines.values()) if (line.spec.collection === collection) yield* line.views;
  }

  /** The result is as the server has it now. Rejects where it can't be reached. */
  check(spec: SubscribeSpec): Promise<void> {
    const key = keyOf(spec);
    if (this.isLive(key)) return Promise.resolve();
    return new Promise((resolve, reject) => {
      // A whole result tells when it is there; changes since a place don't say which is the last.
      const line = this.#line(spec, false);
      const answer = (error?: BasaltError) => {
        line.waiting.delete(answer);
        this.#end(key, line);
        if (error) reject(error);
        else resolve();
      };
      line.waiting.add(answer);
      if (line.state === "offline") answer(offlineError());
    });
  }

  /** Asks anew for all results that aren't live. */
  async checkAll(): Promise<void> {
    const specs = [...this.#store.queries.values()].map((record) => record.spec);
    const next = async (): Promise<void> => {
      for (let spec = specs.pop(); spec; spec = specs.pop()) await this.check(spec);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
  }

  close(): void {
    for (const line of this.#lines.values()) {
      line.stop();
      answerAll(line, closedError());
    }
    this.#lines.clear();
  }

  #line(spec: SubscribeSpec, resume = true): Line {
    const key = keyOf(spec);
    const known = this.#lines.get(key);
    if (known) return known;
    const members = membersOf(spec);
    const line: Line = {
      spec: members,
      views: new Set(),
      waiting: new Set(),
      state: "connecting",
      confirmed: false,
      resumes: false,
      stop: () => {},
    };
    this.#lines.set(key, line);
    const since = resume && this.#since(key);
    line.resumes = Boolean(since);
    line.stop = this.#online.subscribe(since ? { ...members, since } : members, this.#handlers(key, line));
    return line;
  }

  #end(key: string, line: Line): void {
    if (line.views.size || line.waiting.size || this.#lines.get(key) !== line) return;
    this.#lines.delete(key);
    line.stop();
  }

  /** Where to go on from: only where every member is still here. */
  #since(key: string): string | undefined {
    const record = this.#store.queries.get(key);
    const whole = record?.ids.every((id) => {
      const entry = this.#store.entry(record.spec.collection, id);
      return entry?.doc || entry?.next?.doc;
    });
    return whole && record?.seq ? record.seq : undefined;
  }

  #handlers(key: string, line: Line): LiveHandlers {
    const current = () => this.#lines.get(key) === line;
    return {
      snapshot: (docs, seq) => {
        // "0": nobody is signed in any more, which says nothing of the user whose documents these are.
        if (!current() || seq === "0") return;
        this.#cache().snapshot(line.spec, docs, seq);
        this.#confirm(line);
      },
      changes: (changes, seq) => {
        if (current()) this.#cache().changes(line.spec, changes, seq);
      },
      error: (error) => {
        if (!current()) return;
        line.error = error;
        if (error.status === 403 || error.status === 404) this.#cache().forget(key);
        for (const view of line.views) view.error(error);
        answerAll(line);
      },
      state: (state) => {
        if (current()) this.#state(line, state);
      },
    };
  }

  #state(line: Line, state: LiveState): void {
    line.state = state;
    for (const view of line.views) view.state(state);
    if (state === "live" && (line.resumes || line.confirmed)) this.#confirm(line);
    if (state === "offline") {
      this.#events.contact(false);
      answerAll(line, offlineError());
      for (const view of line.views) this.#events.dirty(view);
    }
  }

  #confirm(line: Line): void {
    line.error = undefined;
    line.confirmed = true;
    for (const view of line.views) this.#events.dirty(view);
    this.#events.contact(true);
    answerAll(line);
  }
}

function answerAll(line: Line, error?: BasaltError): void {
  for (const answer of [...line.waiting]) answer(error);
}
