/** Documents at the server. */
import { BasaltError } from "../errors.js";
import type { Realtime } from "../realtime/types.js";
import type { ApiAnswer, ApiRequest, Transport } from "../transport/types.js";
import type { CallOptions, Document, DocumentSource, ListSpec, Mutation, Page, WriteResult, Written } from "./types.js";

interface WireTransaction {
  results: { id: string; rev: string; document: Document | null }[];
  seq: string | null;
}

export function onlineSource(transport: Transport, realtime: () => Realtime): DocumentSource {
  return {
    async get(collection, id, { select, expand, ...options } = {}) {
      const query = { select: select?.join(","), expand: expand?.join(",") };
      const answer = await transport.request<Document>({
        ...options,
        method: "GET",
        path: documentPath(collection, id),
        query,
      });
      return answer.data;
    },
    async list(spec, options) {
      const request = { method: "POST", path: `/v1/collections/${spec.collection}/query`, safe: true } as const;
      const answer = await transport.request<Page>({ ...options, ...request, body: queryBody(spec) });
      return answer.data;
    },
    async write(mutation, options) {
      // Only a transaction binds values for a condition.
      if (Object.keys(mutation.where?.vars ?? {}).length > 0) return writeBound(transport, mutation, options);
      const request = requestOf(mutation);
      const answer = await transport.request<Written | null>({ ...options, ...request });
      return { document: answer.data, seq: answer.seq, replayed: answer.replayed };
    },
    subscribe: (spec, handlers) => realtime().subscribe(spec, handlers),
  };
}

export function documentPath(collection: string, id: string): string {
  return `/v1/collections/${collection}/documents/${id}`;
}

export function queryBody({ collection: _, count, ...spec }: ListSpec): Record<string, unknown> {
  return count ? { ...spec, count: "exact" } : spec;
}

/** Depends on the mutation alone: sent again, in another process even, it is the same request to its key. */
function requestOf(mutation: Mutation): ApiRequest {
  const { kind, collection, id, idempotencyKey } = mutation;
  const path = documentPath(collection, id);
  const query = { where: mutation.where?.filter };
  const headers = conditionHeaders(mutation);
  switch (kind) {
    case "create":
      return {
        method: "POST",
        path: `/v1/collections/${collection}/documents`,
        body: { ...mutation.data, id },
        idempotencyKey,
      };
    case "replace":
      return { method: "PUT", path, query, headers, body: mutation.data ?? {}, idempotencyKey };
    case "delete":
      return { method: "DELETE", path, query, headers, idempotencyKey };
    case "patch": {
      const type = Array.isArray(mutation.patch) ? "application/json-patch+json" : "application/merge-patch+json";
      const more = { ...query, upsert: mutation.upsert || undefined };
      const body = mutation.patch ?? {};
      return {
        method: "PATCH",
        path,
        query: more,
        headers: { ...headers, "content-type": type },
        body,
        idempotencyKey,
      };
    }
  }
}

/** A PUT creates what is missing, unless it is told to find something. */
function conditionHeaders({ kind, ifMatch, upsert }: Mutation): Record<string, string> {
  if (ifMatch !== undefined) return { "if-match": `"${ifMatch}"` };
  return kind === "replace" && !upsert ? { "if-match": "*" } : {};
}

async function writeBound(transport: Transport, mutation: Mutation, options?: CallOptions): Promise<WriteResult> {
  const { kind, collection, id, data, patch, ifMatch, upsert, where } = mutation;
  const bound = { op: kind, collection, id, data, patch, ifMatch, where: where?.filter, vars: where?.vars };
  const operation = kind === "patch" ? { ...bound, upsert: upsert || undefined } : bound;
  const request = { method: "POST", path: "/v1/transactions", body: { operations: [operation] } } as const;
  const answer = await transport.request<WireTransaction>({
    ...options,
    ...request,
    idempotencyKey: mutation.idempotencyKey,
  });
  return { document: writtenOf(answer, kind), seq: answer.seq, replayed: answer.replayed };
}

function writtenOf(answer: ApiAnswer<WireTransaction>, kind: Mutation["kind"]): Written | null {
  const [result] = answer.data.results;
  if (!result)
    throw new BasaltError({ code: "bad_answer", message: "A transaction answered nothing.", status: answer.status });
  if (kind === "delete") return null;
  return result.document ?? { id: result.id, rev: result.rev };
}
