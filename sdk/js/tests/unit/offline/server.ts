/** A server in memory for the offline room: places, revisions, kept answers, live queries; and a network that fails. */
import type {
  Document,
  DocumentSource,
  ListSpec,
  Mutation,
  SubscribeSpec,
  WriteResult,
} from "../../../src/documents/types.js";
import { BasaltError } from "../../../src/errors.js";
import { applyMutation, compileQuery, difference } from "../../../src/query/index.js";
import type { LiveHandlers } from "../../../src/realtime/types.js";

interface Watcher {
  client: FakeClient;
  spec: SubscribeSpec;
  handlers: LiveHandlers;
  shown: Document[] | null;
}

export class FakeServer {
  readonly documents = new Map<string, Document>();
  readonly kept = new Map<string, WriteResult>();
  readonly watchers = new Set<Watcher>();
  /** Whether this user may read this document. */
  mayRead: (user: string, doc: Document) => boolean = () => true;
  refuse: (mutation: Mutation) => BasaltError | null = () => null;
  /** Every write that had an effect, by its key. */
  readonly effects: string[] = [];
  #place = 0;
  #epoch = 0;

  get seq(): string {
    return this.#place.toString(16).padStart(16, "0");
  }

  find(user: string, collection: string, id: string): Document {
    const doc = this.documents.get(`${collection}/${id}`);
    if (!doc || !this.mayRead(user, doc)) throw problem(404, "document_not_found");
    return structuredClone(doc);
  }

  result(user: string, spec: ListSpec & SubscribeSpec): Document[] {
    const all = [...this.documents].filter(([key]) => key.startsWith(`${spec.collection}/`)).map(([, doc]) => doc);
    const readable = all.filter((doc) => this.mayRead(user, doc));
    if (spec.document !== undefined) return structuredClone(readable.filter((doc) => doc.id === spec.document));
    return structuredClone(compileQuery(spec).run(readable));
  }

  write(user: string, mutation: Mutation): WriteResult {
    const kept = this.kept.get(mutation.idempotencyKey);
    if (kept) return { ...structuredClone(kept), seq: this.seq, replayed: true };
    const refusal = this.refuse(mutation);
    if (refusal) throw refusal;
    const key = `${mutation.collection}/${mutation.id}`;
    const stored = this.documents.get(key) ?? null;
    const next = applied(stored, mutation);
    this.#place += 1;
    this.effects.push(mutation.idempotencyKey);
    if (next) this.documents.set(key, { ...next, rev: `r${this.#place}` });
    else this.documents.delete(key);
    const document = next && { ...next, rev: `r${this.#place}` };
    const shown = document && !this.mayRead(user, document) ? { id: document.id, rev: document.rev } : document;
    const result: WriteResult = { document: structuredClone(shown), seq: this.seq };
    this.kept.set(mutation.idempotencyKey, structuredClone(result));
    this.tell();
    return result;
  }

  /** Another user's write. */
  put(collection: string, id: string, data: Record<string, unknown>): Document {
    const mutation = { kind: "replace", collection, id, data, upsert: true, idempotencyKey: `k${this.#place}` };
    const { document } = this.write("somebody", mutation as Mutation);
    return document as Document;
  }

  remove(collection: string, id: string): void {
    this.write("somebody", { kind: "delete", collection, id, idempotencyKey: `k${this.#place}` });
  }

  /** The rules changed: places go on, what was resumed from before doesn't count. */
  rules(mayRead: (user: string, doc: Document) => boolean): void {
    this.mayRead = mayRead;
    this.#epoch += 1;
    this.tell();
  }

  tell(): void {
    for (const watcher of this.watchers) if (watcher.client.reachable && watcher.shown) this.#tell(watcher);
  }

  connect(watcher: Watcher): void {
    watcher.shown = this.result(watcher.client.user, watcher.spec);
    watcher.handlers.state?.("live");
    watcher.handlers.snapshot(structuredClone(watcher.shown), `${this.seq}.${this.#epoch}`);
  }

  #tell(watcher: Watcher): void {
    const next = this.result(watcher.client.user, watcher.spec);
    const changes = difference(watcher.shown ?? [], next);
    watcher.shown = next;
    if (changes.length) watcher.handlers.changes(structuredClone(changes), `${this.seq}.${this.#epoch}`);
  }
}

/** What goes wrong with the next request. */
export type Fault = "lost_answer" | "no_connection" | BasaltError;

export class FakeClient implements DocumentSource {
  reachable = true;
  readonly faults: Fault[] = [];
  /** Called before each request reaches the server; a promise is waited for. */
  before: (what: string) => void | Promise<void> = () => {};
  requests = 0;

  constructor(
    readonly server: FakeServer,
    readonly user = "ada",
  ) {}

  get(collection: string, id: string): Promise<Document> {
    return this.#call("get", () => this.server.find(this.user, collection, id));
  }

  list(spec: ListSpec): Promise<{ items: Document[]; nextCursor: null }> {
    return this.#call("list", () => ({ items: this.server.result(this.user, spec), nextCursor: null }));
  }

  write(mutation: Mutation): Promise<WriteResult> {
    // As JSON, as it would be sent.
    const sent = JSON.parse(JSON.stringify(mutation)) as Mutation;
    return this.#call("write", () => this.server.write(this.user, sent));
  }

  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    const watcher: Watcher = { client: this, spec, handlers, shown: null };
    this.server.watchers.add(watcher);
    queueMicrotask(() => {
      if (!this.server.watchers.has(watcher)) return;
      if (this.reachable) this.server.connect(watcher);
      else handlers.state?.("offline");
    });
    return () => this.server.watchers.delete(watcher);
  }

  go(reachable: boolean): void {
    this.reachable = reachable;
    for (const watcher of this.server.watchers) {
      if (watcher.client !== this) continue;
      if (reachable) this.server.connect(watcher);
      else {
        watcher.shown = null;
        watcher.handlers.state?.("offline");
      }
    }
  }

  async #call<T>(what: string, work: () => T): Promise<T> {
    this.requests += 1;
    await this.before(what);
    const fault = this.faults.shift();
    if (!this.reachable || fault === "no_connection") throw problem(0, "network");
    if (fault instanceof BasaltError) throw fault;
    const answer = work();
    if (fault === "lost_answer") throw problem(0, "network");
    return answer;
  }
}

/** As the server answers: with a status. */
function applied(stored: Document | null, mutation: Mutation): Document | null {
  try {
    return applyMutation(stored, mutation, Date.now());
  } catch (error) {
    const { code } = error as BasaltError;
    const status = { document_not_found: 404, precondition_failed: 412, bad_patch: 400 }[code] ?? 409;
    throw problem(status, code);
  }
}

export function problem(status: number, code: string): BasaltError {
  return new BasaltError({ status, code, message: code });
}
