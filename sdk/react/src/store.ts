/** What lives outside of React: one subscription for all components that show the same. */

/** Whoever mounts again soon (a page that one goes back to, StrictMode) finds what is known. */
const LINGER = 3_000;
/** A component that waits for its first result is not mounted: nobody would end its subscription. */
const SUSPENDED = 30_000;

/** Begins to listen, calls `set` with each new state, and gives what ends it. */
export type Begin<S> = (set: (next: S | ((before: S) => S)) => void) => () => void;

export class Store<S> {
  #state: S;
  #stop: (() => void) | null = null;
  #leaving: ReturnType<typeof setTimeout> | null = null;
  readonly #listeners = new Set<() => void>();
  readonly #waiting = new Set<() => void>();

  constructor(
    private readonly initial: S,
    private readonly begin: Begin<S>,
    /** Nobody listens any more. */
    private readonly ended: () => void = () => {},
  ) {
    this.#state = initial;
  }

  /** The same object until something changes, as React wants it. */
  readonly get = (): S => this.#state;

  /** On the server nothing is known yet; the browser begins with the same. */
  readonly getOnServer = (): S => this.initial;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    this.#stay();
    this.#start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#leaveAfter(LINGER);
    };
  };

  /** Is forgotten after a while, unless somebody listens by then: not all that is rendered is mounted. */
  expire(): void {
    if (this.#listeners.size === 0) this.#leaveAfter(SUSPENDED);
  }

  /** Resolves at the next change. */
  next(): Promise<void> {
    this.#start();
    this.expire();
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #start(): void {
    this.#stop ??= this.begin((next) => {
      const state = typeof next === "function" ? (next as (before: S) => S)(this.#state) : next;
      if (Object.is(state, this.#state)) return;
      this.#state = state;
      for (const listener of [...this.#listeners]) listener();
      this.#release();
    });
  }

  #release(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const go of waiting) go();
  }

  #stay(): void {
    if (this.#leaving !== null) clearTimeout(this.#leaving);
    this.#leaving = null;
  }

  #leaveAfter(milliseconds: number): void {
    this.#stay();
    this.#leaving = setTimeout(() => {
      this.#leaving = null;
      this.#stop?.();
      this.#stop = null;
      this.#state = this.initial;
      this.ended();
      // Who still waits looks again, and begins anew.
      this.#release();
    }, milliseconds);
    // A server that has rendered and is done needn't wait for it.
    (this.#leaving as { unref?: () => void }).unref?.();
  }
}

/** The stores of each client, by what they show; those that nobody uses are gone after a while. */
const stores = new WeakMap<object, Map<string, Store<unknown>>>();

export function storeOf<S>(owner: object, key: string, initial: S, begin: Begin<S>): Store<S> {
  const known = stores.get(owner) ?? new Map<string, Store<unknown>>();
  stores.set(owner, known);
  const found = known.get(key);
  if (found) return found as Store<S>;
  const store = new Store<S>(initial, begin, () => known.delete(key));
  known.set(key, store as Store<unknown>);
  store.expire();
  return store;
}
