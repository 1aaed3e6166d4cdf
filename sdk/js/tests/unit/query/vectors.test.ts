import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Document, Json, JsonPatch, Mutation } from "../../../src/documents/types.js";
import { BasaltError } from "../../../src/errors.js";
import { applyMutation, compareBy } from "../../../src/query/index.js";

type Fields = { [key: string]: Json };

interface PatchVector {
  stored: Fields;
  patch: Fields | JsonPatch[];
  expected?: Fields;
  error?: string;
}

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
}

describe("the vectors that the server is checked against", () => {
  it("documents stand in the server's order", () => {
    const { documents, cases } = vectors<{ documents: Fields[]; cases: { sort: string[]; expected: string[] }[] }>(
      "order",
    );
    expect(cases.length).toBeGreaterThanOrEqual(20);
    for (const { sort, expected } of cases) {
      expect(
        [...documents].sort(compareBy(sort)).map(({ id }) => id),
        sort.join(),
      ).toEqual(expected);
    }
  });

  it("patches make what the server makes of them", () => {
    const { cases } = vectors<{ cases: PatchVector[] }>("patch");
    expect(cases.length).toBeGreaterThanOrEqual(130);
    const wrong = cases.map((vector) => ({ ...vector, found: outcome(vector) })).filter(isWrong);
    expect(wrong).toEqual([]);
  });
});

function isWrong({ expected, error, found }: PatchVector & { found: Json }): boolean {
  return JSON.stringify(sorted(found)) !== JSON.stringify(sorted(error ?? expected ?? null));
}

function outcome({ stored, patch }: PatchVector): Json {
  const times = { createdAt: "2026-01-01T00:00:00.000Z", updatedAt: "2026-01-01T00:00:00.000Z" };
  const document: Document = { ...stored, id: "x", rev: "r1", ...times };
  const mutation: Mutation = { kind: "patch", collection: "notes", id: "x", patch, idempotencyKey: "k" };
  try {
    const made = applyMutation(document, mutation, "2026-11-22T08:00:00.000Z");
    const { id: _, rev: __, createdAt: ___, updatedAt: ____, ...fields } = made as Fields;
    return fields;
  } catch (error) {
    return error instanceof BasaltError ? error.code : String(error);
  }
}

/** The order of members is no promise. */
function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).map(([name, inner]) => [name, sorted(inner)] as const);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}
