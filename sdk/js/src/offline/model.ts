/** What is kept of documents, results and writes, and how places in the log compare. */
import type { Document, Json, Mutation, QuerySpec, SubscribeSpec } from "../documents/types.js";
import { BasaltError, type ErrorDetail, isBasaltError } from "../errors.js";
import type { WriteState } from "./types.js";

/** A document as the server had it at a place in the log; null: not there, or not to be read. */
export interface Held {
  doc: Document | null;
  at: string;
}

export interface Entry extends Held {
  /** What came while a write of it was under way: shown when that is decided, since it may contain the write already. */
  next?: Held;
}

/** A result that is remembered: the members as the server last said, in its order. */
export interface QueryRecord {
  key: string;
  spec: SubscribeSpec;
  ids: string[];
  /** Own writes that the server took and this result hasn't told of yet, with their places. */
  extra: Record<string, string>;
  /** The `seq` to go on from; empty where the members came as a list, which has none. */
  seq: string;
  /** The place that the members are as of. */
  at: string;
  used: number;
}

/** A failure as it is stored. */
export interface Failure {
  code: string;
  message: string;
  status: number;
  requestId: string | null;
  errors: ErrorDetail[];
}

/** One write in the outbox. */
export interface Write {
  id: string;
  /** Sorts as the writes were made, over all tabs. */
  order: string;
  mutation: Mutation;
  state: WriteState;
  madeAt: number;
  /** The document that it was made on, as the app saw it. */
  base?: Document | null;
  /** The server's revision below it. */
  baseRev?: string;
  /** The write of the same document before it, whose revision will be below it. */
  after?: string;
  /** When it may have reached the server first, and the revision there then; null: there was no document. */
  sentAt?: number;
  sentRev?: string | null;
  failure?: Failure;
  theirs?: Document | null;
  fields?: string[];
}

/**
 * The place in the log that a `seq` names. A live query's `seq` is `PLACE.OF_WHICH_QUERY`, a write's is the place alone;
 * texts of places sort by time.
 */
export function place(seq: string): string {
  const dot = seq.indexOf(".");
  return dot < 0 ? seq : seq.slice(0, dot);
}

/** What of a query decides its members and their order; `select` is applied when it is shown. */
export function membersOf(spec: SubscribeSpec): SubscribeSpec {
  const { collection, document, filter, vars, sort, limit } = spec;
  const members: SubscribeSpec = { collection };
  if (document !== undefined) return { collection, document };
  if (filter) members.filter = filter;
  if (filter && vars && Object.keys(vars).length) members.vars = vars;
  if (sort?.length) members.sort = sort;
  if (limit !== undefined) members.limit = limit;
  return members;
}

export function keyOf(spec: SubscribeSpec): string {
  const { collection, document, filter, vars, sort, limit } = membersOf(spec);
  return JSON.stringify([collection, document ?? 0, filter ?? 0, sorted(vars ?? 0), sort ?? 0, limit ?? 0]);
}

function sorted(value: Json): Json {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(sorted);
  const names = Object.keys(value).sort();
  return names.map((name) => [name, sorted(value[name] ?? null)]);
}

/** Whether only the server can answer it. */
export function needsServer(spec: QuerySpec): boolean {
  return Boolean(spec.search || spec.nearest || spec.expand?.length || spec.cursor);
}

export function failureOf(error: unknown): Failure {
  if (!isBasaltError(error))
    return { code: "internal", message: String(error), status: 0, requestId: null, errors: [] };
  const { code, message, status, requestId, errors } = error;
  return { code, message, status, requestId, errors };
}

export const errorOf = (failure: Failure): BasaltError => new BasaltError(failure);

export function offlineError(cause?: unknown): BasaltError {
  return new BasaltError({ code: "offline", message: "This needs the server, which can't be reached.", cause });
}

export function closedError(): BasaltError {
  return new BasaltError({ code: "closed", message: "The client is closed." });
}

export function pendingWrites(count: number): BasaltError {
  const message = `${count} writes have not reached the server.`;
  return new BasaltError({ code: "pending_writes", message });
}
