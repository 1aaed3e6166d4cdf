import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { all, any, type Client, cel, createClient, type Expression, not, where } from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes, signedUp } from "./app.js";

describe.each(engines)("queries on %s", (engine) => {
  let server: TestServer;
  let ann: Client<Notes>;
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
    ann = await signedUp(server, "ann@example.com");
    const owner = ann.auth.user?.id ?? "";
    const notes = ann.collection("notes");
    const rows = [
      { title: "Apples", status: "open", n: 1, tags: ["a", "b"], meta: { pinned: true }, "foo-bar": "x", in: 1 },
      { title: "Bread", status: "open", n: 2, tags: ["b"] },
      { title: "Quote \" and \\ '", status: "done", n: 3, tags: [] },
      { title: "Ärger", status: "late", n: 4, gone: null },
    ];
    for (const row of rows) await notes.create({ ...row, id: `n${row.n}`, owner });
  });
  afterAll(() => server.stop());

  const titles = async (condition: Expression) => {
    const found = await ann.collection("notes").where(condition).orderBy("n").all();
    return found.map(({ n }) => n);
  };

  it("compare, combine and negate", async () => {
    expect(await titles(where("status", "==", "open"))).toEqual([1, 2]);
    expect(await titles(where("status", "!=", "open"))).toEqual([3, 4]);
    expect(await titles(all(where("n", ">", 1), where("n", "<=", 3)))).toEqual([2, 3]);
    expect(await titles(any(where("n", "<", 2), where("n", ">=", 4)))).toEqual([1, 4]);
    expect(await titles(all(any(where("n", "==", 1), where("n", "==", 3)), where("status", "==", "done")))).toEqual([
      3,
    ]);
    expect(await titles(not(where("status", "==", "open")))).toEqual([3, 4]);
    expect(await titles(where("status", "in", ["done", "late"]))).toEqual([3, 4]);
    expect(await titles(where("status", "not in", ["done", "late"]))).toEqual([1, 2]);
  });

  it("look into texts, lists and maps", async () => {
    expect(await titles(where("tags", "contains", "b"))).toEqual([1, 2]);
    expect(await titles(where("title", "startsWith", "Är"))).toEqual([4]);
    expect(await titles(where("title", "endsWith", "s"))).toEqual([1]);
    expect(await titles(where("title", "containsText", "rea"))).toEqual([2]);
    expect(await titles(where("meta.pinned", "==", true))).toEqual([1]);
    expect(await titles(where("meta.pinned", "has", true))).toEqual([1]);
    expect(await titles(where("meta", "has", false))).toEqual([2, 3, 4]);
    expect(await titles(where("gone", "==", null))).toEqual([4]);
  });

  it("name fields that are no identifiers", async () => {
    expect(await titles(where("foo-bar", "==", "x"))).toEqual([1]);
    expect(await titles(where("in", "==", 1))).toEqual([1]);
    expect(await titles(where("foo-bar", "has", true))).toEqual([1]);
  });

  it("bind whatever a value holds", async () => {
    expect(await titles(where("title", "==", "Quote \" and \\ '"))).toEqual([3]);
    const evil = '" || true || "';
    expect(await titles(where("title", "==", evil))).toEqual([]);
    expect(await titles(cel`doc.title == ${evil}`)).toEqual([]);
    expect(await titles(cel`doc.n > ${1} && ${any(where("n", "==", 1), where("n", "==", 2))}`)).toEqual([2]);
    expect(await titles(where("title", "==", "vars.v0"))).toEqual([]);
  });

  it("go page by page, in order, and count", async () => {
    const query = ann.collection("notes").where("n", ">=", 1).orderBy("n", "desc").limit(3);
    const pages = [];
    for await (const page of query.pages({ count: true })) pages.push(page);
    expect(pages.map(({ items }) => items.map(({ n }) => n))).toEqual([[4, 3, 2], [1]]);
    expect(pages[0]?.total).toBe(4);
    const first = await query.list();
    const rest = await query.after(first.nextCursor ?? "").list();
    expect(rest.items.map(({ id }) => id)).toEqual(["n1"]);
    expect(await query.count()).toBe(4);
    expect((await query.first())?.id).toBe("n4");
    const seen = [];
    for await (const note of query) seen.push(note.n);
    expect(seen).toEqual([4, 3, 2, 1]);
    await expect(query.all({ most: 3 })).rejects.toMatchObject({ code: "too_many" });
  });

  it("narrow, expand, search and measure", async () => {
    const notes = ann.collection("notes");
    const [narrow] = (await notes.where("n", "==", 1).select("title").list()).items;
    expect(narrow).toEqual({ id: "n1", rev: expect.any(String), title: "Apples" });
    const [wide] = (await notes.where("n", "==", 1).expand("owner").list()).items;
    expect(wide?.expand.owner).toMatchObject({ id: ann.auth.user?.id });
    const [found] = (await notes.search("appl").list()).items;
    expect(found?.highlight?.title).toBe("<mark>Apples</mark>");
    const groups = await notes.where("n", "<", 4).aggregate({
      groupBy: ["status"],
      measures: { many: { count: true }, total: { sum: "n" } },
      having: cel`many > ${1}`,
      sort: ["-many"],
    });
    expect(groups.items).toEqual([{ status: "open", many: 2, total: 3 }]);
  });

  it("find what is near, on earth and in meaning", async () => {
    const places = ann.collection("places");
    await places.create({ name: "Tokyo", at: { lat: 35.68, lng: 139.76 }, taste: [1, 0, 0] });
    await places.create({ name: "Paris", at: { lat: 48.86, lng: 2.35 }, taste: [0, 1, 0] });
    const here = { lat: 48, lng: 2 };
    const { items } = await places.orderByDistance("at", here).list();
    expect(items.map(({ name }) => name)).toEqual(["Paris", "Tokyo"]);
    expect(items[0]?.distance).toBeGreaterThan(90_000);
    expect((await places.where(cel`geo.distance(doc.at, ${here}) < ${200_000}`).list()).items).toHaveLength(1);
    const alike = await places.nearest({ field: "taste", vector: [0.9, 0.1, 0], k: 1, metric: "euclidean" }).list();
    expect(alike.items.map(({ name, distance }) => [name, distance < 0.2])).toEqual([["Tokyo", true]]);
  });

  it("say where a condition is wrong", async () => {
    const call = ann.collection("notes").where(cel`doc.n >`).list();
    await expect(call).rejects.toMatchObject({ code: "bad_filter", status: 400, errors: [{ line: 1 }] });
  });

  it("show each caller what is his", async () => {
    const notes = (client: Client<Notes>) => client.collection("notes").list();
    const visitor = createClient<Notes>({ url: server.url });
    const bob = await signedUp(server, "bob@example.com");
    expect((await notes(visitor)).items).toEqual([]);
    expect((await notes(bob)).items).toEqual([]);
    expect((await notes(ann)).items).toHaveLength(4);
    await expect(ann.collection("notes").explain()).rejects.toMatchObject({ code: "forbidden" });
  });
});
