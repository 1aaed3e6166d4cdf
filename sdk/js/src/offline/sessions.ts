/** One engine for who is signed in; with another user another one, and the views of the app move over. */
import type { AuthEvent } from "../auth/types.js";
import type { DocumentSource, SubscribeSpec } from "../documents/types.js";
import { isBasaltError } from "../errors.js";
import { guarded } from "../realtime/timing.js";
import type { LiveHandlers } from "../realtime/types.js";
import { Engine } from "./engine.js";
import { closedError } from "./model.js";
import type { Adapter, Conflict, OfflineOptions, PendingWrite, PersistenceContext } from "./types.js";
import { View } from "./view.js";

interface Watched {
  view: View;
  stop?: (() => void) | undefined;
}

export class Sessions {
  readonly #watched = new Set<Watched>();
  readonly #pending = new Set<(writes: PendingWrite[]) => void>();
  readonly #conflicts = new Set<(conflict: Conflict) => void>();
  readonly #stopListening: () => void;
  #engine: Promise<Engine>;
  #current: Engine | undefined;
  #told = false;
  #closed = false;

  readonly #adapter: Adapter;
  readonly #options: OfflineOptions;
  readonly #online: DocumentSource;
  readonly #context: PersistenceContext;

  constructor(adapter: Adapter, options: OfflineOptions, online: DocumentSource, context: PersistenceContext) {
    this.#adapter = adapter;
    this.#options = options;
    this.#online = online;
    this.#context = context;
    this.#engine = context.tokens.userId().then((userId) => this.#open(userId));
    this.#engine.catch(() => undefined);
    this.#stopListening = context.tokens.onChange((event) => this.#changed(event));
  }

  engine(): Promise<Engine> {
    if (this.#closed) return Promise.reject(closedError());
    return this.#engine;
  }

  watch(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    const watched: Watched = { view: new View(spec, handlers) };
    this.#watched.add(watched);
    if (this.#current) this.#join(this.#current, watched);
    else this.#engine.catch((error) => isBasaltError(error) && watched.view.error(error));
    return () => {
      this.#watched.delete(watched);
      watched.stop?.();
    };
  }

  onPending(listener: (writes: PendingWrite[]) => void): () => void {
    this.#pending.add(listener);
    this.#tellPending();
    return () => this.#pending.delete(listener);
  }

  onConflict(listener: (conflict: Conflict) => void): () => void {
    this.#conflicts.add(listener);
    for (const conflict of this.#current?.outbox.conflicts() ?? []) guarded(() => listener(conflict));
    return () => this.#conflicts.delete(listener);
  }

  /** What this user left on the device goes. */
  wipe(): Promise<void> {
    return this.#change(this.#current?.userId ?? null, true);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#stopListening();
    for (const { stop } of this.#watched) stop?.();
    await (await this.#engine.catch(() => undefined))?.close();
    await this.#adapter.close?.();
  }

  #changed(event: AuthEvent): void {
    if (event.type === "signed_out") void this.#change(null, true).catch(() => undefined);
    else if (event.userId !== (this.#current?.userId ?? null))
      void this.#change(event.userId, false).catch(() => undefined);
    // Fresh rights: what was refused for a token's sake may go now.
    else this.#current?.outbox.kick();
  }

  #change(userId: string | null, wipe: boolean): Promise<void> {
    if (wipe || userId !== this.#current?.userId) this.#current?.halt();
    const changed = this.#engine
      .catch(() => undefined)
      .then(async (engine) => {
        if (this.#closed || (engine && engine.userId === userId && !wipe)) return engine ?? this.#open(userId);
        this.#current = undefined;
        for (const watched of this.#watched) {
          watched.stop?.();
          watched.view.reset();
        }
        // Whoever signed out before this wipe came is gone already: then it is the visitor's cache that goes.
        await (wipe ? engine?.wipe() : engine?.close());
        return this.#open(userId);
      });
    this.#engine = changed;
    return changed.then(() => undefined);
  }

  async #open(userId: string | null): Promise<Engine> {
    const engine = new Engine(this.#adapter, userId, this.#online, this.#context.clock, this.#options, {
      outbox: () => this.#tellPending(),
      conflict: (conflict) => {
        for (const listener of this.#conflicts) guarded(() => listener(conflict));
      },
    });
    await engine.start();
    this.#current = engine;
    for (const watched of this.#watched) this.#join(engine, watched);
    for (const conflict of engine.outbox.conflicts()) {
      for (const listener of this.#conflicts) guarded(() => listener(conflict));
    }
    this.#tellPending();
    return engine;
  }

  #join(engine: Engine, watched: Watched): void {
    try {
      engine.queries.isLocal(watched.view.spec);
      watched.stop = engine.watch(watched.view);
    } catch (error) {
      // A query that is none: told later, as the server would.
      if (isBasaltError(error)) queueMicrotask(() => watched.view.error(error));
      else throw error;
    }
  }

  /** Once a turn, however much changed. */
  #tellPending(): void {
    if (this.#told || !this.#pending.size) return;
    this.#told = true;
    queueMicrotask(() => {
      this.#told = false;
      const writes = this.#current?.pending();
      if (writes) for (const listener of this.#pending) guarded(() => listener(writes));
    });
  }
}
