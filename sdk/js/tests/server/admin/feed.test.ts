import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AdminClient, type Change, createAdmin, type ImportLine } from "../../../src/admin/index.js";
import { cel } from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes } from "../documents/app.js";

describe.each(engines)("the feed on %s", (engine) => {
  let server: TestServer;
  let admin: AdminClient<Notes>;
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
    admin = createAdmin<Notes>({ url: server.url, key: server.key });
  });
  afterAll(() => server.stop());
  const stock = () => admin.collection("stock");

  it("comes in pages, filtered", async () => {
    const { nextSince } = await admin.changes.page({ since: "now" });
    await stock().create({ id: "a", left: 1 });
    await stock().update("a", { left: 5 });
    await admin.collection("notes").create({ title: "x", owner: "o", n: 1 });
    const page = await admin.changes.page({ since: nextSince, collections: ["stock"] });
    expect(page.items.map(({ op, id }) => [op, id])).toEqual([
      ["create", "a"],
      ["update", "a"],
    ]);
    const many = await admin.changes.page({ since: nextSince, where: cel`op == ${"update"} && doc.left > ${4}` });
    expect(many.items.map(({ id }) => id)).toEqual(["a"]);
  });

  it("goes on over a kill of the server, nothing missed and nothing twice", async () => {
    const { nextSince } = await admin.changes.page({ since: "now" });
    const controller = new AbortController();
    const seen: string[] = [];
    const following = (async () => {
      for await (const change of admin.changes.follow({ since: nextSince, collections: ["stock"] }, controller)) {
        seen.push(change.id);
        if (change.id === "end") return;
      }
    })();
    for (let n = 0; n < 10; n++) await stock().create({ id: `k${n}`, left: n });
    await server.restart();
    for (let n = 10; n < 20; n++) await stock().create({ id: `k${n}`, left: n });
    await stock().create({ id: "end", left: 0 });
    await following;
    expect(seen).toEqual([...Array.from({ length: 20 }, (_, n) => `k${n}`), "end"]);
  });

  it("ends by its signal, and says when it can't go on", async () => {
    const controller = new AbortController();
    const seen: Change[] = [];
    await stock().create({ id: "signal", left: 1 });
    for await (const change of admin.changes.follow({ since: "0" }, controller)) {
      seen.push(change);
      controller.abort();
    }
    expect(seen).toHaveLength(1);
    const lost = admin.changes.follow({ since: "another.0000000000000007" });
    await expect(lost.next()).rejects.toMatchObject({ status: expect.toBeOneOf([400, 410]) });
  });

  it("keeps consumers' places", async () => {
    await admin.changes.moveConsumer("crm", "now");
    await stock().create({ id: "c1", left: 1 });
    const page = await admin.changes.page({ consumer: "crm" });
    expect(page.items.map(({ id }) => id)).toEqual(["c1"]);
    expect((await admin.changes.consumer("crm")).lag.changes).toBe(1);
    await admin.changes.moveConsumer("crm", page.nextSince);
    expect((await admin.changes.page({ consumer: "crm" })).items).toEqual([]);
    await expect(admin.changes.moveConsumer("crm", "0")).rejects.toMatchObject({ code: "condition_failed" });
    expect((await admin.changes.consumers()).map(({ name }) => name)).toEqual(["crm"]);
    await admin.changes.deleteConsumer("crm");
    await expect(admin.changes.page({ consumer: "crm" })).rejects.toMatchObject({ code: "consumer_not_found" });
  });

  it("imports documents as they are made, and exports the same", async () => {
    await admin.collections.put("numbers", { schema: { type: "object", properties: { n: { type: "integer" } } } });
    const failures: ImportLine[] = [];
    const progress: number[] = [];
    async function* made() {
      for (let n = 0; n < 3000; n++) yield { id: `d${String(n).padStart(4, "0")}`, n: n === 7 ? "seven" : n };
    }
    const plain = createAdmin({ url: server.url, key: server.key });
    const result = await plain.import("numbers", made(), {
      onFailure: (failure) => failures.push(failure),
      onProgress: (line) => progress.push(line),
    });
    expect(result).toMatchObject({
      created: 2999,
      failed: 1,
      lastLine: 3000,
      failures: [{ line: 8, id: "d0007", code: "schema_violation" }],
    });
    expect(failures).toEqual(result.failures);
    expect(progress.at(-1)).toBe(3000);
    const all = await plain.export("numbers");
    let count = 0;
    for await (const doc of all.documents) count += doc.n === 7 ? 0 : 1;
    expect(count).toBe(2999);
    expect(all.seq).toEqual(expect.any(String));
    const some = await plain.export("numbers", { where: cel`doc.n < ${3}` });
    const ids = [];
    for await (const doc of some.documents) ids.push(doc.id);
    expect(ids).toEqual(["d0000", "d0001", "d0002"]);
    const again = await plain.import("numbers", `{"id":"d0001","n":100}\n{"id":"x","n":1}\n`, { mode: "upsert" });
    expect(again).toMatchObject({ created: 1, replaced: 1, failed: 0 });
  });

  it("imports users, and nothing for who may not write", async () => {
    const result = await admin.users.import([
      { id: "u1", email: "old@example.com", createdAt: "2020-01-02T03:04:05Z" },
    ]);
    expect(result.created).toBe(1);
    expect((await admin.users.get("u1")).email).toBe("old@example.com");
    const { key } = await admin.keys.create({ name: "reader", scopes: ["documents:read", "users:read"] });
    const reader = createAdmin<Notes>({ url: server.url, key });
    await expect(reader.import("stock", [{ left: 1 }])).rejects.toMatchObject({ code: "scope_missing" });
    await expect(reader.users.import([{ id: "u2" }])).rejects.toMatchObject({ code: "scope_missing" });
    await expect(reader.changes.page()).rejects.toMatchObject({ code: "scope_missing" });
  });
});
