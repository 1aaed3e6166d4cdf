import { describe, expect, it } from "vitest";
import type { Document, Mutation } from "../../../src/documents/types.js";
import { applyMutation } from "../../../src/query/index.js";
import { document } from "./documents.js";

const NOW = "2026-11-22T08:00:00.000Z";

function write(stored: Document | null, mutation: Partial<Mutation>): Document | null {
  return applyMutation(stored, { kind: "patch", collection: "notes", id: "x", idempotencyKey: "k", ...mutation }, NOW);
}

const stored = document("x", { a: 1, m: { b: 1 } });

describe("a write, applied here", () => {
  it("creates, replaces, patches and deletes", () => {
    const made = write(null, { kind: "create", data: { a: 1 } });
    expect(made).toEqual({ a: 1, id: "x", rev: "", createdAt: NOW, updatedAt: NOW });
    const kept = { rev: "r1", createdAt: stored.createdAt, updatedAt: NOW };
    expect(write(stored, { kind: "replace", data: { c: 1, id: "x", rev: "r0" } })).toEqual({ c: 1, id: "x", ...kept });
    expect(write(stored, { patch: { m: { c: { $now: true } } } })).toEqual({ ...stored, ...kept, m: { b: 1, c: NOW } });
    expect(write(stored, { kind: "delete" })).toBeNull();
    expect(write(null, { kind: "replace", upsert: true, data: { a: 2 } })).toMatchObject({ a: 2, rev: "" });
    expect(write(null, { upsert: true, patch: { a: { $increment: 2 } } })).toMatchObject({
      id: "x",
      a: 2,
      createdAt: NOW,
    });
    expect(write(null, { upsert: true, patch: [{ op: "add", path: "/a", value: 2 }] })).toMatchObject({ a: 2 });
  });

  it("leaves what is stored, and what is given, as it is", () => {
    const before = structuredClone(stored);
    const data = { l: [1] };
    const made = write(null, { kind: "create", data }) as Document;
    (made.l as number[]).push(2);
    expect(data).toEqual({ l: [1] });
    write(stored, { patch: { m: { b: 2 } } });
    write(stored, { patch: [{ op: "replace", path: "/m/b", value: 2 }] });
    expect(stored).toEqual(before);
  });

  it("never goes back in time", () => {
    const later = document("x", { createdAt: "2030-01-01T00:00:00.000Z" });
    expect(write(later, { patch: {} })).toMatchObject({ updatedAt: later.createdAt });
  });

  it("takes values as JSON would carry them", () => {
    const data = { at: new Date(0), gone: undefined, nan: Number.NaN } as unknown as Record<string, string>;
    expect(write(null, { kind: "create", data })).toEqual({
      at: "1970-01-01T00:00:00.000Z",
      nan: null,
      id: "x",
      rev: "",
      createdAt: NOW,
      updatedAt: NOW,
    });
  });

  it("minds its conditions", () => {
    const condition = (filter: string) => ({ where: { filter, vars: { n: 1 } } });
    expect(write(stored, { patch: { a: 2 }, ifMatch: "r1", ...condition("a == vars.n") })).toMatchObject({ a: 2 });
    expect(write(stored, { kind: "delete", ifMatch: "*" })).toBeNull();
    const refused: [string, Document | null, Partial<Mutation>][] = [
      ["precondition_failed", stored, { patch: {}, ifMatch: "r0" }],
      ["precondition_failed", null, { kind: "replace", upsert: true, ifMatch: "r1" }],
      ["precondition_failed", null, { kind: "replace" }],
      ["condition_failed", stored, { patch: {}, ...condition("a == 2") }],
      ["condition_failed", stored, { patch: {}, ...condition("missing == 2") }],
      ["condition_failed", null, { kind: "replace", upsert: true, ...condition("true") }],
      ["bad_filter", stored, { patch: {}, ...condition("a ==") }],
      ["document_exists", stored, { kind: "create" }],
      ["document_not_found", null, { patch: {} }],
      ["document_not_found", null, { kind: "delete", upsert: true }],
    ];
    for (const [code, from, mutation] of refused) {
      expect(() => write(from, mutation), JSON.stringify(mutation)).toThrow(expect.objectContaining({ code }));
    }
  });

  it("refuses what no document can hold", () => {
    const deep = JSON.parse(`${'{"a":'.repeat(70)}1${"}".repeat(70)}`);
    const refused: [string, Partial<Mutation>][] = [
      ["bad_request", { kind: "replace", data: { _a: 1 } }],
      ["bad_request", { kind: "replace", data: { $a: 1 } }],
      ["bad_request", { kind: "replace", data: { a: [{ $b: 1 }] } }],
      ["bad_request", { kind: "replace", data: { expand: 1 } }],
      ["bad_request", { kind: "replace", data: { "": 1 } }],
      ["bad_request", { patch: { a: { $set: { $b: 1 } } } }],
      ["bad_json", { kind: "replace", data: deep }],
      ["bad_json", { patch: deep }],
      ["too_large", { kind: "replace", data: { a: "x".repeat(1 << 20) } }],
      ["id_mismatch", { kind: "replace", data: { id: "y" } }],
    ];
    for (const [code, mutation] of refused) {
      expect(() => write(stored, mutation), code).toThrow(expect.objectContaining({ code }));
    }
    expect(write(stored, { kind: "replace", data: { a: { _b: 1, "c-d": [{ é: 1 }] } } })).toMatchObject({
      a: { _b: 1 },
    });
  });
});
