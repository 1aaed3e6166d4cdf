import type { Document, Json } from "../../../src/documents/types.js";

const TIMES = { createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:00.000Z" };

export function document(id: string, fields: Record<string, Json> = {}): Document {
  return { rev: "r1", ...TIMES, ...fields, id };
}
