import type { Expression } from "../documents/expression.js";
import { checkCollection } from "../documents/ids.js";
import { inlined } from "../documents/inline.js";
import type { CallOptions, Document } from "../documents/types.js";
import { readNdjson } from "../transport/lines.js";
import type { Transport } from "../transport/types.js";

export interface ExportOptions extends CallOptions {
  where?: Expression;
}

export interface Export<T> {
  /** A place in the log: the export and the changes after it are a copy that stays right. */
  seq: string | null;
  /** In the order of their ids; one that breaks off throws `network`. */
  documents: AsyncGenerator<Document<T>, void, undefined>;
}

export async function exportDocuments<T>(
  transport: Transport,
  collection: string,
  { where, ...options }: ExportOptions = {},
): Promise<Export<T>> {
  let seq: string | null = null;
  const path = `/v1/collections/${checkCollection(collection)}/export`;
  const query = { filter: where && inlined(where) };
  const request = { ...options, method: "GET", path, query, accept: "application/x-ndjson" } as const;
  const stream = await transport.stream(request, (head) => {
    seq = head.seq;
  });
  return { seq, documents: readNdjson<Document<T>>(stream) };
}
