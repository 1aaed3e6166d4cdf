import { describe, expect, it } from "vitest";
import type { QuerySpec } from "../../../src/documents/types.js";
import { compileQuery } from "../../../src/query/index.js";
import { document } from "./documents.js";

const notes = [
  document("a", { title: "Ann", n: 3, tags: ["x"], author: { name: "N", age: 1 } }),
  document("b", { title: "Bob", n: 1, tags: ["x", "y"] }),
  document("c", { title: "Cid", n: 2 }),
  document("d", { n: "2" }),
];

function ids(spec: Partial<QuerySpec>): string[] {
  return compileQuery({ collection: "notes", ...spec })
    .run(notes)
    .map(({ id }) => id);
}

describe("a query over documents at hand", () => {
  it("filters with vars, sorts and limits", () => {
    expect(ids({})).toEqual(["a", "b", "c", "d"]);
    expect(ids({ filter: "n > 1" })).toEqual(["a", "c"]);
    expect(ids({ filter: "n in vars.l && 'x' in tags", vars: { l: [1, 3] }, sort: ["n"] })).toEqual(["b", "a"]);
    expect(ids({ sort: ["-n"], limit: 2 })).toEqual(["d", "a"]);
    expect(ids({ filter: "!(n > 1)" })).toEqual(["b"]);
    expect(ids({ filter: "vars.missing == 1" })).toEqual([]);
  });

  it("leaves the documents and their list as they are", () => {
    const list = [...notes].reverse();
    compileQuery({ collection: "notes", sort: ["id"] }).run(list);
    expect(list.map(({ id }) => id)).toEqual(["d", "c", "b", "a"]);
  });

  it("sends vars as JSON would", () => {
    const vars = { at: new Date("2026-11-22T08:00:00Z") as unknown as string };
    const query = compileQuery({ collection: "notes", filter: "at == vars.at", vars });
    expect(query.matches(document("x", { at: "2026-11-22T08:00:00.000Z" }))).toBe(true);
  });

  it("asks one clock for the whole result", () => {
    let now = Date.UTC(2026, 0, 1);
    const filter = "timestamp(createdAt) <= request.time - duration('1h')";
    const query = compileQuery({ collection: "notes", filter }, { now: () => now });
    expect([query.usesTime, query.run(notes).length]).toEqual([true, 0]);
    now += 3_600_000;
    expect(query.run(notes).length).toBe(4);
  });

  it("shows the selected fields, id and rev always", () => {
    const pick = (select: string[]) =>
      compileQuery({ collection: "notes", select }).select(notes[0] as (typeof notes)[0]);
    expect(pick([])).toEqual({ id: "a", rev: "r1" });
    expect(pick(["title", "author.name", "missing", "title.inner"])).toEqual({
      id: "a",
      rev: "r1",
      title: "Ann",
      author: { name: "N" },
    });
    expect(pick(["author.name", "author"])).toMatchObject({ author: { name: "N", age: 1 } });
    expect(pick(["author", "author.name"])).toMatchObject({ author: { name: "N", age: 1 } });
    const query = compileQuery({ collection: "notes", select: ["comments.by"] });
    const commented = document("x", { comments: [{ by: "a", text: "…" }, "odd", { text: "…" }] });
    expect(query.select(commented)).toEqual({ id: "x", rev: "r1", comments: [{ by: "a" }, {}] });
  });

  it.each<[string, Partial<QuerySpec>]>([
    ["search", { search: "word" }],
    ["nearest", { nearest: { field: "v", vector: [1] } }],
    ["cursor", { cursor: "abc" }],
    ["expand", { expand: ["author"] }],
    ["distance", { sort: ["distance(place,35.68,139.76)"] }],
    ["get()", { filter: "get('rooms', room).open" }],
    ["matches()", { filter: "vars.s.matches('^a')" }],
  ])("leaves %s to the server", (part, spec) => {
    const query = compileQuery({ collection: "notes", ...spec });
    expect(query.local).toBe(false);
    expect(query.reason).toContain(part);
    expect(query.run(notes)).toEqual([]);
  });

  it.each<[string, Partial<QuerySpec>]>([
    ["bad_filter", { filter: "n ==" }],
    ["bad_filter", { filter: "auth.id == owner" }],
    ["bad_parameter", { sort: ["n", "-n"] }],
    ["bad_parameter", { sort: ["$n"] }],
    ["bad_parameter", { sort: ["a."] }],
    ["bad_parameter", { sort: ["-"] }],
    ["bad_parameter", { sort: Array.from({ length: 9 }, (_, n) => `a${n}`) }],
    ["bad_parameter", { select: ["a..b"] }],
    ["bad_parameter", { select: Array(101).fill("a") }],
  ])("refuses with %s what the server refuses: %j", (code, spec) => {
    expect(() => compileQuery({ collection: "notes", ...spec })).toThrow(expect.objectContaining({ code }));
  });
});
