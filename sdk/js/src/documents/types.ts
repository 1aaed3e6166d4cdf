import type { LiveHandlers } from "../realtime/types.js";

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** What the server adds to every document. */
export interface DocumentFields {
  id: string;
  rev: string;
  createdAt: string;
  updatedAt: string;
}

export type Document<T = Record<string, Json>> = T & DocumentFields;

export interface CallOptions {
  signal?: AbortSignal;
  /** Milliseconds for one attempt. */
  timeout?: number;
}

export interface ReadOptions extends CallOptions {
  select?: string[];
  expand?: string[];
}

export interface Nearest {
  field: string;
  vector: number[];
  /** 10 where nothing is said, 500 at most. */
  k?: number;
  /** `cosine` where nothing is said. */
  metric?: "cosine" | "euclidean" | "dot";
}

export interface QuerySpec {
  collection: string;
  filter?: string;
  vars?: Record<string, Json>;
  sort?: string[];
  limit?: number;
  cursor?: string;
  select?: string[];
  expand?: string[];
  search?: string;
  nearest?: Nearest;
}

export interface ListSpec extends QuerySpec {
  /** Count all that match, exactly, beside the page. */
  count?: boolean;
}

export interface Page<D = Document> {
  items: D[];
  nextCursor: string | null;
  /** With `count` only. */
  total?: number;
}

export interface Mutation {
  kind: "create" | "replace" | "patch" | "delete";
  collection: string;
  id: string;
  /** The whole document of a create or replace. */
  data?: Record<string, Json>;
  /** A merge patch whose fields may be operators; or a list of JSON Patch (RFC 6902) operations. */
  patch?: Record<string, Json> | JsonPatch[];
  /** The `rev` that the document must have. */
  ifMatch?: string;
  /** Replace: create it when it isn't there. Patch: the same, from the patch. */
  upsert?: boolean;
  /** A condition on the stored document, with its values. */
  where?: { filter: string; vars: Record<string, Json> };
  idempotencyKey: string;
}

export interface JsonPatch {
  op: "add" | "remove" | "replace" | "move" | "copy" | "test";
  path: string;
  from?: string;
  value?: Json;
}

/** The document as its writer may read it, `{id, rev}` where that isn't allowed, null when it is gone. */
export type Written = Document | { id: string; rev: string };

export interface WriteResult {
  document: Written | null;
  /** The write's place in the log; null while it waits in an outbox. */
  seq: string | null;
  /** The server had done this already: `document` is as it was then, `seq` a place of now. */
  replayed?: boolean;
}

export interface SubscribeSpec extends QuerySpec {
  /** One document instead of a query. */
  document?: string;
  /** Replay what happened after this place in the log. */
  since?: string;
}

/** Where documents come from and go to: the server, or a cache with an outbox in front of it. */
export interface DocumentSource {
  get(collection: string, id: string, options?: ReadOptions): Promise<Document>;
  list(spec: ListSpec, options?: CallOptions): Promise<Page>;
  write(mutation: Mutation, options?: CallOptions): Promise<WriteResult>;
  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void;
}
