/** Live queries as apps see them: the result, what changed in it, and whether it is up to date. */
import type { Document, DocumentSource, SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import { applyChanges, applySnapshot, type ResultChange, type Step } from "./result.js";
import type { LiveState, LocalInfo, LocalMark } from "./types.js";

const NO_MARKS: ReadonlyMap<string, LocalMark> = new Map();

export interface LiveResult<T> {
  /** All that the query answers, in its order. Not to be changed: others may hold the same. */
  documents: Document<T>[];
  /** Since the result before; empty where only the state changed. */
  changes: ResultChange<T>[];
  /** `live`: as the server has it; otherwise as it last was. */
  state: LiveState;
  /** The place in the log that the result has reached. */
  seq: string;
  /** From this device's cache alone; never without `persistence`. */
  fromCache: boolean;
  /** Pending and failed writes by document id; empty without `persistence`. */
  meta: ReadonlyMap<string, LocalMark>;
}

export interface LiveDocument<T> {
  /** `null`: it isn't there, or may not be read. */
  document: Document<T> | null;
  state: LiveState;
  seq: string;
  fromCache: boolean;
  /** Of a write that the server doesn't have, or refused. */
  mark: LocalMark | null;
}

export interface LiveQuery<T> {
  /** Calls back with the first result and after each change of it; gives the function that ends it. */
  subscribe(callback: (result: LiveResult<T>) => void, onError?: (error: BasaltError) => void): () => void;
  /** The results one by one. Who is slow is given the newest, with all that changed since the one before. */
  results(): AsyncIterableIterator<LiveResult<T>>;
}

type Source = Pick<DocumentSource, "subscribe">;

export function liveQuery<T>(source: Source, spec: SubscribeSpec): LiveQuery<T> {
  const subscribe: LiveQuery<T>["subscribe"] = (callback, onError) => listen(source, spec, callback, onError);
  return { subscribe, results: () => new Results<T>(subscribe) };
}

/** One document: `null` while it isn't there. */
export function liveDocument<T>(
  source: Source,
  collection: string,
  id: string,
  options: { select?: string[]; expand?: string[] } = {},
) {
  const query = liveQuery<T>(source, { collection, document: id, ...options });
  return {
    subscribe(callback: (result: LiveDocument<T>) => void, onError?: (error: BasaltError) => void): () => void {
      const one = ({ documents, state, seq, fromCache, meta }: LiveResult<T>) =>
        callback({ document: documents[0] ?? null, state, seq, fromCache, mark: meta.get(id) ?? null });
      return query.subscribe(one, onError);
    },
  };
}

function listen<T>(
  source: Source,
  spec: SubscribeSpec,
  callback: (result: LiveResult<T>) => void,
  onError: ((error: BasaltError) => void) | undefined,
): () => void {
  let state: LiveState = "connecting";
  let told: LiveResult<T> | null = null;
  const tell = (step: Step<T>, seq: string, local?: LocalInfo) => {
    const { fromCache = false, meta = NO_MARKS } = local ?? {};
    const stays = told !== null && step.changes.length === 0 && !moved(told.documents, step);
    const documents = told !== null && stays ? told.documents : step.documents;
    const isNews = !stays || told?.state !== state || told.meta !== meta || told.fromCache !== fromCache;
    told = { documents, changes: step.changes, state, seq, fromCache, meta };
    if (isNews) callback(told);
  };
  return source.subscribe(spec, {
    snapshot: (docs, seq, local) => tell(applySnapshot(told?.documents ?? [], docs as Document<T>[]), seq, local),
    changes: (changes, seq, local) => tell(applyChanges(told?.documents ?? [], changes), seq, local),
    error: (error) => onError?.(error),
    state: (now) => {
      state = now;
      if (told !== null) tell({ documents: told.documents, changes: [] }, told.seq, told);
    },
  });
}

function moved<T>(before: Document<T>[], { documents }: Step<T>): boolean {
  return before.length !== documents.length || before.some((doc, index) => doc !== documents[index]);
}

/** Holds one result at most: what comes before it is asked for is put together with it. */
class Results<T> implements AsyncIterableIterator<LiveResult<T>> {
  #next: LiveResult<T> | null = null;
  #given: Document<T>[] = [];
  #error: BasaltError | null = null;
  #asking: { resolve: (result: IteratorResult<LiveResult<T>>) => void; reject: (error: BasaltError) => void }[] = [];
  #ended = false;
  readonly #stop: () => void;

  constructor(subscribe: LiveQuery<T>["subscribe"]) {
    this.#stop = subscribe(
      (result) => {
        this.#next = result;
        this.#settle();
      },
      (error) => {
        this.#error = error;
        this.#settle();
      },
    );
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<LiveResult<T>>> {
    return new Promise((resolve, reject) => {
      this.#asking.push({ resolve, reject });
      this.#settle();
    });
  }

  return(): Promise<IteratorResult<LiveResult<T>>> {
    this.#end();
    return Promise.resolve({ done: true, value: undefined });
  }

  #settle(): void {
    while (this.#asking.length > 0 && (this.#ended || this.#next !== null || this.#error !== null)) {
      const asking = this.#asking.shift();
      if (this.#next !== null) {
        const result = this.#next;
        this.#next = null;
        const { changes } = applySnapshot(this.#given, result.documents);
        this.#given = result.documents;
        asking?.resolve({ done: false, value: { ...result, changes } });
      } else if (this.#error !== null) {
        const error = this.#error;
        this.#error = null;
        this.#end();
        asking?.reject(error);
      } else {
        asking?.resolve({ done: true, value: undefined });
      }
    }
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#next = null;
    this.#stop();
    this.#settle();
  }
}
