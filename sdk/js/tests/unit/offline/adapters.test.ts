import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { IndexedDbAdapter } from "../../../src/offline/adapters/indexeddb.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import { SqliteAdapter, type SqliteDriver } from "../../../src/offline/adapters/sqlite.js";
import type { Adapter } from "../../../src/offline/types.js";
import { PythonSqlite } from "./sqlite.js";

const sqlite = new PythonSqlite();
beforeAll(() => vi.stubGlobal("IDBKeyRange", IDBKeyRange));
afterAll(() => {
  vi.unstubAllGlobals();
  sqlite.stop();
});

let made = 0;
const adapters: [string, () => Adapter][] = [
  ["memory", () => new MemoryAdapter("m")],
  ["IndexedDB", () => new IndexedDbAdapter(`d${made++}`, new IDBFactory())],
  ["SQLite", () => new SqliteAdapter("s", sqlite)],
];

describe.each(adapters)("%s", (_, make) => {
  test("keeps JSON values under keys, and gives them in order", async () => {
    const adapter = make();
    await adapter.clear("");
    expect(
      await adapter.commit([
        { key: "u/b", value: { n: [1, null, "ü"] } },
        { key: "u/a", value: "x" },
      ]),
    ).toBe(true);
    await adapter.commit([{ key: "v/a", value: 1 }]);
    expect(await adapter.read("u/")).toEqual([
      ["u/a", "x"],
      ["u/b", { n: [1, null, "ü"] }],
    ]);
    await adapter.commit([{ key: "u/a" }]);
    expect(await adapter.read("u/")).toHaveLength(1);
    await adapter.clear("u/");
    expect(await adapter.read("")).toEqual([["v/a", 1]]);
    await adapter.close?.();
  });

  test("doesn't let older news win, nor an older deletion", async () => {
    const adapter = make();
    await adapter.clear("");
    await adapter.commit([{ key: "k", value: 2, at: "2" }]);
    await adapter.commit([{ key: "k", value: 1, at: "1" }]);
    await adapter.commit([{ key: "k", at: "1" }]);
    expect(await adapter.read("k")).toEqual([["k", 2]]);
    await adapter.commit([{ key: "k", value: 3, at: "2" }]);
    expect(await adapter.read("k")).toEqual([["k", 3]]);
    await adapter.commit([{ key: "k", at: "3" }]);
    expect(await adapter.read("k")).toEqual([]);
    await adapter.close?.();
  });

  test("compares before it sets", async () => {
    const adapter = make();
    await adapter.clear("");
    expect(await adapter.commit([{ key: "lease", value: "a" }], { key: "lease", value: undefined })).toBe(true);
    expect(await adapter.commit([{ key: "lease", value: "b" }], { key: "lease", value: undefined })).toBe(false);
    expect(
      await adapter.commit(
        [
          { key: "lease", value: "b" },
          { key: "x", value: 1 },
        ],
        { key: "lease", value: "c" },
      ),
    ).toBe(false);
    expect(await adapter.read("")).toEqual([["lease", "a"]]);
    expect(await adapter.commit([{ key: "lease" }], { key: "lease", value: "a" })).toBe(true);
    expect(await adapter.read("")).toEqual([]);
    await adapter.close?.();
  });

  test("of many commits at once each is whole", async () => {
    const adapter = make();
    await adapter.clear("");
    const commits = Array.from({ length: 20 }, (_, n) =>
      adapter.commit([
        { key: "a", value: n },
        { key: "b", value: n },
      ]),
    );
    await Promise.all(commits);
    const [[, a] = [], [, b] = []] = await adapter.read("");
    expect(a).toBe(b);
    await adapter.close?.();
  });
});

test("a statement that fails takes its whole commit back", async () => {
  const flaky: SqliteDriver = {
    execute: (sql, values) =>
      values[0] === "bad" ? Promise.reject(new Error("disk full")) : sqlite.execute(sql, values),
  };
  const adapter = new SqliteAdapter("s", flaky);
  await adapter.clear("");
  await expect(
    adapter.commit([
      { key: "good", value: 1 },
      { key: "bad", value: 1 },
    ]),
  ).rejects.toThrow("disk full");
  expect(await adapter.read("")).toEqual([]);
  await adapter.commit([{ key: "good", value: 1 }]);
  expect(await adapter.read("")).toHaveLength(1);
});

test("a browser without IndexedDB is told clearly", async () => {
  await expect(new IndexedDbAdapter("none", undefined).read("")).rejects.toMatchObject({ code: "storage" });
});
