/** The document source with a cache and an outbox in front of the server's. */
import type {
  CallOptions,
  Document,
  DocumentSource,
  ListSpec,
  Mutation,
  Page,
  ReadOptions,
  SubscribeSpec,
  WriteResult,
} from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import type { LiveHandlers } from "../realtime/types.js";
import type { Engine } from "./engine.js";
import { keyOf, needsServer, offlineError, pendingWrites } from "./model.js";
import type { Outbox } from "./outbox.js";
import { isUnreadable } from "./send.js";
import type { Sessions } from "./sessions.js";
import type { Conflict, OfflineControl, PendingWrite, Resolution } from "./types.js";

/** What a list without a limit answers. */
const LIST_LIMIT = 30;

export class OfflineSource implements DocumentSource, OfflineControl {
  readonly #online: DocumentSource;
  readonly #sessions: Sessions;

  constructor(online: DocumentSource, sessions: Sessions) {
    this.#online = online;
    this.#sessions = sessions;
  }

  async get(collection: string, id: string, options: ReadOptions = {}): Promise<Document> {
    const engine = await this.#sessions.engine();
    const { select, expand, ...call } = options;
    if (expand?.length) return this.#only(engine, () => this.#online.get(collection, id, options));
    const reached = await this.#fresh(engine, engine.results.document(collection, id) !== null, () =>
      this.#fetch(engine, collection, id, call),
    );
    const doc = engine.results.document(collection, id);
    if (doc) return select ? engine.queries.select(doc, select) : doc;
    if (!reached) throw offlineError();
    throw new BasaltError({ code: "document_not_found", status: 404, message: "Document not found" });
  }

  async list(spec: ListSpec, options: CallOptions = {}): Promise<Page> {
    const engine = await this.#sessions.engine();
    if (needsServer(spec) || spec.count || spec.limit === 0) {
      return this.#only(engine, () => this.#online.list(spec, options));
    }
    const { count: _, cursor: __, ...query } = { ...spec, limit: spec.limit ?? LIST_LIMIT };
    const known = engine.store.queries.has(keyOf(query)) || engine.queries.isLocal(query);
    engine.cache.use(query);
    let nextCursor: string | null = null;
    await this.#fresh(engine, known, async () => {
      nextCursor = await this.#page(engine, query, options);
    });
    if (!known && !engine.store.queries.has(keyOf(query))) {
      throw offlineError();
    }
    return { items: engine.results.of(query).docs, nextCursor };
  }

  async write(mutation: Mutation, options?: CallOptions): Promise<WriteResult> {
    const engine = await this.#sessions.engine();
    // The server keeps no answers for visitors: a repetition would be another write.
    if (engine.userId === null) return this.#only(engine, () => this.#online.write(mutation, options));
    // A copy, as it would be sent: what the app does with its objects later is its own business.
    const own = JSON.parse(JSON.stringify(mutation)) as Mutation;
    await engine.outbox.add(own);
    const { collection, id } = own;
    const document = own.kind === "delete" ? null : engine.results.document(collection, id);
    return { document: document ?? (own.kind === "delete" ? null : { id, rev: "" }), seq: null };
  }

  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    if (needsServer(spec)) return this.#passed(spec, handlers);
    return this.#sessions.watch(spec, handlers);
  }

  async pending(): Promise<PendingWrite[]> {
    return (await this.#sessions.engine()).pending();
  }

  onPending(listener: (writes: PendingWrite[]) => void): () => void {
    return this.#sessions.onPending(listener);
  }

  async conflicts(): Promise<Conflict[]> {
    return (await this.#outbox()).conflicts();
  }

  onConflict(listener: (conflict: Conflict) => void): () => void {
    return this.#sessions.onConflict(listener);
  }

  async retry(id: string): Promise<void> {
    await (await this.#outbox()).retry(id);
  }

  async discard(id: string): Promise<void> {
    await (await this.#outbox()).discard(id);
  }

  async resolve(id: string, resolution: Resolution): Promise<void> {
    await (await this.#outbox()).resolve(id, resolution);
  }

  async sync(): Promise<void> {
    await (await this.#sessions.engine()).sync();
  }

  async beforeLogout({ discard }: { discard?: boolean | undefined } = {}): Promise<void> {
    const { outbox, store } = await this.#sessions.engine();
    if (discard) return;
    await outbox.drained().catch(() => undefined);
    if (store.writes.size) throw pendingWrites(store.writes.size);
  }

  wipe(): Promise<void> {
    return this.#sessions.wipe();
  }

  close(): Promise<void> {
    return this.#sessions.close();
  }

  async #outbox(): Promise<Outbox> {
    return (await this.#sessions.engine()).outbox;
  }

  /** Asks the server; where it isn't reached what is here counts. Says whether it was. */
  async #fresh(engine: Engine, known: boolean, ask: () => Promise<void>): Promise<boolean> {
    const asked = ask().then(
      () => {
        engine.contact(true);
        return true;
      },
      (error) => {
        if (!isUnreached(error)) throw error;
        engine.contact(false);
        return false;
      },
    );
    if (!engine.isOffline || !known) return asked;
    // Nobody waits for a server that wasn't there a moment ago; but its answer is welcome.
    asked.catch(() => undefined);
    return false;
  }

  async #fetch(engine: Engine, collection: string, id: string, call: CallOptions): Promise<void> {
    const at = engine.store.known;
    try {
      engine.cache.observe(collection, id, await this.#online.get(collection, id, call), at);
      engine.cache.remember({ collection, document: id }, [id], "", at);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      engine.cache.purge(collection, id, at);
      if (!engine.results.document(collection, id)) throw error;
    }
  }

  async #page(engine: Engine, query: SubscribeSpec, call: CallOptions): Promise<string | null> {
    const at = engine.store.known;
    const { select: _, ...whole } = query;
    const { items, nextCursor } = await this.#online.list(whole, call).catch((error) => {
      if (isUnreadable(error)) engine.cache.forget(keyOf(query));
      throw error;
    });
    for (const doc of items) engine.cache.observe(query.collection, doc.id, doc, at);
    const ids = items.map((doc) => doc.id);
    if (!engine.lines.isLive(keyOf(query))) engine.cache.remember(query, ids, "", at);
    return nextCursor;
  }

  async #only<T>(engine: Engine, call: () => Promise<T>): Promise<T> {
    try {
      const answer = await call();
      engine.contact(true);
      return answer;
    } catch (error) {
      if (!isUnreached(error)) throw error;
      engine.contact(false);
      throw offlineError(error);
    }
  }

  #passed(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    let told = false;
    return this.#online.subscribe(spec, {
      snapshot: (docs, seq) => {
        told = true;
        handlers.snapshot(docs, seq);
      },
      changes: (changes, seq) => handlers.changes(changes, seq),
      error: (error) => handlers.error(error),
      state: (state) => {
        handlers.state?.(state);
        if (state !== "offline" || told) return;
        told = true;
        handlers.error(offlineError());
      },
    });
  }
}

/** No answer; or one that says that there is nobody to answer at the moment. */
function isUnreached(error: unknown): boolean {
  return (
    isBasaltError(error) &&
    (["network", "timeout", "bad_answer"].includes(error.code) || [502, 503, 504].includes(error.status))
  );
}
