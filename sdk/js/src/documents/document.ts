import type { BasaltError } from "../errors.js";
import { type LiveDocument, liveDocument } from "../realtime/live.js";
import { segment } from "../transport/url.js";
import type { Collection, UpdateOptions, WriteOptions } from "./collection.js";
import type { DocumentContext } from "./context.js";
import { documentPath } from "./online.js";
import type { Patch } from "./shapes.js";
import type { CallOptions, Document, ReadOptions } from "./types.js";

/** What a document was at a place in the log. */
export interface Version<T> {
  seq: string;
  op: "create" | "update" | "delete";
  at: string;
  actor: { type: string; id?: string | null };
  /** Null where it was deleted. */
  document: Document<T> | null;
}

export interface VersionPage<T> {
  items: Version<T>[];
  nextCursor: string | null;
}

/** One document by its id, there or not. */
export class DocumentRef<T extends object> {
  constructor(
    private readonly collection: Collection<T>,
    private readonly context: DocumentContext,
    readonly id: string,
  ) {}

  get(options?: ReadOptions): Promise<Document<T>> {
    return this.collection.get(this.id, options);
  }

  replace(data: T, options?: WriteOptions): Promise<Document<T>> {
    return this.collection.replace(this.id, data, options);
  }

  upsert(data: T, options?: WriteOptions): Promise<Document<T>> {
    return this.collection.upsert(this.id, data, options);
  }

  update(patch: Patch<T>, options?: UpdateOptions): Promise<Document<T>> {
    return this.collection.update(this.id, patch, options);
  }

  delete(options?: WriteOptions): Promise<void> {
    return this.collection.delete(this.id, options);
  }

  /** The document now (null where there is none) and after each change; gives the function that ends it. */
  subscribe(callback: (result: LiveDocument<T>) => void, onError?: (error: BasaltError) => void): () => void {
    return liveDocument<T>(this.context.source, this.collection.name, this.id).subscribe(callback, onError);
  }

  /** What it was, newest first; for collections that keep a history. */
  async history(options: CallOptions & { limit?: number; cursor?: string } = {}): Promise<VersionPage<T>> {
    const { limit, cursor, ...call } = options;
    const request = { ...call, method: "GET", path: `${this.#path()}/history`, query: { limit, cursor } } as const;
    return (await this.context.transport.request<VersionPage<T>>(request)).data;
  }

  /** Writes the version at `seq` again. */
  async restore(seq: string, options: CallOptions & { ifMatch?: string } = {}): Promise<Document<T>> {
    const { ifMatch, ...call } = options;
    const headers: Record<string, string> = ifMatch === undefined ? {} : { "if-match": `"${ifMatch}"` };
    const path = `${this.#path()}/history/${segment(seq)}/restore`;
    return (await this.context.transport.request<Document<T>>({ ...call, method: "POST", path, headers })).data;
  }

  #path(): string {
    return documentPath(this.collection.name, this.id);
  }
}
