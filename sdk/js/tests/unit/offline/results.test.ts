import { expect, test } from "vitest";
import type { SubscribeSpec } from "../../../src/documents/types.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer } from "./server.js";

function world(options = {}) {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new FakeClock();
  const adapter = new MemoryAdapter(`results-${Math.random()}`);
  return { server, client, clock, adapter, ...device(adapter, client, clock, options) };
}

test("pending writes move documents in, out of and within a filtered, sorted, limited result", async () => {
  const { server, client, source, write } = world();
  for (const n of [1, 2, 3, 4]) server.put("notes", `n${n}`, { n, open: n !== 4 });
  const follower = new Follower(source, { collection: "notes", filter: "open == true", sort: ["n"], limit: 3 });
  await settle();
  client.go(false);
  await write("patch", "n1", { patch: { n: 9 } });
  await settle();
  expect(follower.ids).toEqual(["n2", "n3", "n1"]);
  await write("patch", "n2", { patch: { open: false } });
  await settle();
  expect(follower.ids).toEqual(["n3", "n1"]);
  await write("create", "n0", { data: { n: 0, open: true } });
  await write("create", "n5", { data: { n: 5, open: true } });
  await settle();
  expect(follower.ids).toEqual(["n0", "n3", "n5"]);
  await write("delete", "n3");
  await settle();
  expect(follower.ids).toEqual(["n0", "n5", "n1"]);
});

test("an acknowledged write doesn't flicker while the live query hasn't told of it", async () => {
  const { server, client, clock, source, write } = world();
  const follower = new Follower(source, { collection: "notes" });
  await settle();
  // The live query is silent from here on; answers come.
  for (const watcher of server.watchers) watcher.shown = null;
  await write("create", "n1", { data: { title: "x" } });
  await settle();
  expect(await source.pending()).toEqual([]);
  expect(follower.ids).toEqual(["n1"]);
  expect(follower.history.slice(1).every((docs) => docs.length === 1)).toBe(true);
  // A query that is live and never tells of it doesn't contain it.
  await clock.advance(31_000);
  expect(follower.ids).toEqual([]);
  expect(client.reachable).toBe(true);
});

test("one document can be followed, also where it isn't there yet", async () => {
  const { server, client, source, write } = world();
  const follower = new Follower(source, { collection: "notes", document: "n1" });
  await settle();
  expect(follower.docs).toEqual([]);
  client.go(false);
  await write("create", "n1", { data: { title: "x" } });
  await settle();
  expect(follower.docs).toMatchObject([{ id: "n1", title: "x" }]);
  expect(follower.meta.get("n1")).toEqual({ pending: true });
  expect(server.documents.size).toBe(0);
});

test("select narrows what is shown, not what is kept", async () => {
  const { server, client, source } = world();
  server.put("notes", "n1", { title: "x", body: "long" });
  const follower = new Follower(source, { collection: "notes", select: ["title"] });
  await settle();
  expect(follower.docs).toEqual([expect.objectContaining({ id: "n1", title: "x" })]);
  expect(follower.docs[0]).not.toHaveProperty("body");
  client.go(false);
  expect(await source.get("notes", "n1")).toMatchObject({ body: "long" });
  expect(await source.get("notes", "n1", { select: ["title"] })).not.toHaveProperty("body");
});

test("a query that wasn't asked before is answered from what is here while the server is away", async () => {
  const { server, client, clock, source, write } = world();
  for (const n of [1, 2, 3]) server.put("notes", `n${n}`, { n });
  await source.list({ collection: "notes" });
  client.go(false);
  await write("create", "n4", { data: { n: 4 } });
  expect((await source.list({ collection: "notes", filter: "n > 2" })).items.map((doc) => doc.id)).toEqual([
    "n3",
    "n4",
  ]);
  const follower = new Follower(source, { collection: "notes", filter: "n > 1", sort: ["-n"] });
  await clock.advance(2_000);
  expect(follower.ids).toEqual(["n4", "n3", "n2"]);
  expect(follower.fromCache).toBe(true);
  client.go(true);
  await clock.until(source.sync());
  expect(follower.fromCache).toBe(false);
});

test("after a restart a live query goes on from its place", async () => {
  const { server, client, clock, adapter, source } = world();
  server.put("notes", "n1", { title: "x" });
  const first = new Follower(source, { collection: "notes" });
  await settle();
  const seq = server.seq;
  await source.close();
  first.stop();
  const asked: SubscribeSpec[] = [];
  const subscribe = client.subscribe.bind(client);
  client.subscribe = (spec, handlers) => {
    asked.push(spec);
    return subscribe(spec, handlers);
  };
  const second = device(adapter, client, clock);
  const again = new Follower(second.source, { collection: "notes" });
  await settle();
  expect(asked).toEqual([{ collection: "notes", since: `${seq}.0` }]);
  expect(again.ids).toEqual(["n1"]);
});

test("changes since a place are applied to the list that is here", async () => {
  const { server, client, clock, adapter, source } = world();
  for (const n of [1, 2]) server.put("notes", `n${n}`, { n });
  const first = new Follower(source, { collection: "notes", sort: ["n"] });
  await settle();
  await source.close();
  first.stop();
  client.subscribe = (_, handlers) => {
    const doc = { id: "n0", n: 0, rev: "r", createdAt: "", updatedAt: "" };
    queueMicrotask(() => {
      handlers.state?.("live");
      // As the server resumes: what has changed is taken out, known or not, and put in again.
      handlers.changes(
        [
          { op: "removed", doc: { id: "unknown" }, index: -1 },
          { op: "removed", doc: { id: "n1" }, index: -1 },
          { op: "added", doc, index: 0 },
        ],
        "00000000000000ff.0",
      );
    });
    return () => {};
  };
  const second = device(adapter, client, clock);
  const again = new Follower(second.source, { collection: "notes", sort: ["n"] });
  await settle();
  expect(again.ids).toEqual(["n0", "n2"]);
  expect(again.fromCache).toBe(false);
});

test("late news of a live query doesn't bring back what is newer here", async () => {
  const { server, client, source, write } = world();
  server.put("notes", "n1", { title: "old" });
  const follower = new Follower(source, { collection: "notes" });
  await settle();
  const [watcher] = server.watchers;
  const old = structuredClone(server.documents.get("notes/n1"));
  const place = server.seq;
  await write("patch", "n1", { patch: { title: "new" } });
  await settle();
  watcher?.handlers.changes([{ op: "modified", doc: old as never, index: 0 }], `${place}.9`);
  await settle();
  expect(follower.docs[0]?.title).toBe("new");
  await write("delete", "n1");
  await settle();
  watcher?.handlers.changes([{ op: "modified", doc: old as never, index: 0 }], `${place}.9`);
  await settle();
  expect(follower.docs).toEqual([]);
  expect(client.reachable).toBe(true);
});

test("a server whose log begins anew is believed", async () => {
  const { server, source } = world();
  for (const n of [1, 2, 3]) server.put("notes", "n1", { n });
  const follower = new Follower(source, { collection: "notes" });
  await settle();
  const [watcher] = server.watchers;
  const doc = { id: "n1", n: 100, rev: "x", createdAt: "", updatedAt: "" };
  watcher?.handlers.snapshot([doc], "0000000000000001.7");
  await settle();
  expect(follower.docs[0]?.n).toBe(100);
});

test.each(["constructor", "toString", "__proto__"])("%s is an id like any other", async (id) => {
  const { server, client, clock, adapter, source, write } = world();
  const follower = new Follower(source, { collection: "notes", sort: ["n"] });
  await settle();
  client.go(false);
  await write("create", "a", { data: { n: 1 } });
  await write("create", id, { data: { n: 2 } });
  await settle();
  expect(follower.ids).toEqual(["a", id]);
  client.go(true);
  await clock.until(source.sync());
  expect([...server.documents.keys()]).toEqual(["notes/a", `notes/${id}`]);
  server.remove("notes", id);
  await settle();
  expect(follower.ids).toEqual(["a"]);
  await source.close();
  expect(JSON.stringify(await adapter.read("ada/d/"))).not.toContain(id);
});

test("bad queries are told as the server would", async () => {
  const { source } = world();
  const follower = new Follower(source, { collection: "notes", filter: "title ==" });
  await settle();
  expect(follower.errors[0]?.code).toBe("bad_filter");
  await expect(source.list({ collection: "notes", filter: "title ==" })).rejects.toMatchObject({ code: "bad_filter" });
});

test("two views of one query ask the server once, and views come and go", async () => {
  const { server, source } = world();
  server.put("notes", "n1", { title: "x" });
  const one = new Follower(source, { collection: "notes" });
  const two = new Follower(source, { collection: "notes", select: ["title"] });
  await settle();
  expect(server.watchers.size).toBe(1);
  expect(one.ids).toEqual(two.ids);
  one.stop();
  expect(server.watchers.size).toBe(1);
  two.stop();
  expect(server.watchers.size).toBe(0);
  server.put("notes", "n2", { title: "y" });
  await settle();
  expect(one.ids).toEqual(["n1"]);
});

test("limits and other settings are checked when they are given", () => {
  const make = (options: object) => () =>
    device(new MemoryAdapter("x"), new FakeClient(new FakeServer()), new FakeClock(), options);
  expect(make({ limits: { documents: 0 } })).toThrow(/limits.documents/);
  expect(make({ onFailure: "panic" })).toThrow(/onFailure/);
});
