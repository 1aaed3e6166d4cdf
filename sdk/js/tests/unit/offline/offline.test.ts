import { expect, test } from "vitest";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer, problem } from "./server.js";

function world(options = {}) {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new FakeClock();
  const adapter = new MemoryAdapter(`test-${Math.random()}`);
  return { server, client, clock, adapter, ...device(adapter, client, clock, options) };
}

const all = { collection: "notes", sort: ["title"] };

test("a live query shows the server's result and its changes", async () => {
  const { server, source } = world();
  server.put("notes", "b", { title: "B" });
  const follower = new Follower(source, all);
  await settle();
  expect(follower.ids).toEqual(["b"]);
  expect(follower.fromCache).toBe(false);
  server.put("notes", "a", { title: "A" });
  await settle();
  expect(follower.ids).toEqual(["a", "b"]);
  server.remove("notes", "b");
  await settle();
  expect(follower.ids).toEqual(["a"]);
  expect(follower.snapshots).toBe(1);
});

test("a write is seen at once, marked as pending, and reaches the server", async () => {
  const { server, client, source, write } = world();
  const follower = new Follower(source, all);
  await settle();
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  client.before = (what) => (what === "write" ? held : undefined);
  await write("create", "n1", { data: { title: "Mine" } });
  await settle();
  expect(follower.ids).toEqual(["n1"]);
  expect(follower.meta.get("n1")).toEqual({ pending: true });
  release();
  await settle();
  expect(server.documents.get("notes/n1")?.title).toBe("Mine");
  expect(follower.docs[0]?.rev).toBe("r1");
  expect(follower.meta.size).toBe(0);
  expect(follower.history.filter((docs) => docs.length === 0)).toHaveLength(1);
  expect(await source.pending()).toEqual([]);
});

test("an increment is never shown twice while its answer is on the way", async () => {
  const { server, client, source, write } = world();
  server.put("notes", "n1", { title: "x", count: 1 });
  const follower = new Follower(source, all);
  await settle();
  // The answer waits; the live query is faster.
  let release = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const send = client.write.bind(client);
  client.write = async (mutation) => {
    const answer = await send(mutation);
    await held;
    return answer;
  };
  await write("patch", "n1", { patch: { count: { $increment: 1 } } });
  await settle();
  expect(server.documents.get("notes/n1")?.count).toBe(2);
  expect(follower.docs[0]?.count).toBe(2);
  release();
  await settle();
  expect(follower.docs[0]?.count).toBe(2);
  expect(follower.history.map((docs) => docs[0]?.count)).not.toContain(3);
});

test("offline writes wait, survive a restart, and go out in order", async () => {
  const { server, client, clock, adapter, source, write } = world();
  const follower = new Follower(source, all);
  await settle();
  client.go(false);
  await write("create", "n1", { data: { title: "One", count: 0 } });
  await write("patch", "n1", { patch: { count: { $increment: 5 } } });
  await write("create", "n2", { data: { title: "Two" } });
  await write("delete", "n2");
  await settle();
  expect(follower.docs.map((doc) => [doc.id, doc.count])).toEqual([["n1", 5]]);
  await source.close();
  expect(server.documents.size).toBe(0);

  const second = device(adapter, client, clock);
  const again = new Follower(second.source, all);
  await clock.advance(2_000);
  expect(again.docs.map((doc) => [doc.id, doc.count])).toEqual([["n1", 5]]);
  expect((await second.source.pending()).map((each) => each.kind)).toEqual(["create", "patch", "create", "delete"]);
  client.go(true);
  await clock.until(second.source.sync());
  expect([...server.documents.keys()]).toEqual(["notes/n1"]);
  expect(server.documents.get("notes/n1")?.count).toBe(5);
  expect(again.docs.map((doc) => [doc.id, doc.count, doc.rev])).toEqual([["n1", 5, "r2"]]);
  expect(await second.source.pending()).toEqual([]);
});

test("a lost answer has no second effect, and what others did meanwhile is kept", async () => {
  const { server, client, clock, source, write } = world();
  server.put("notes", "n1", { title: "x", count: 0 });
  const follower = new Follower(source, all);
  await settle();
  client.faults.push("lost_answer", "lost_answer");
  await write("patch", "n1", { patch: { count: { $increment: 1 } } });
  await settle();
  server.put("notes", "n1", { title: "theirs", count: 10 });
  await clock.until(source.sync().catch(() => source.sync()));
  await clock.until(source.sync());
  expect(server.documents.get("notes/n1")?.count).toBe(10);
  expect(follower.docs[0]?.title).toBe("theirs");
  expect(follower.docs[0]?.count).toBe(10);
});

test("a refused write is rolled back and stays visible as failed until it is discarded", async () => {
  const { server, source, write } = world();
  server.put("notes", "n1", { title: "Old" });
  const follower = new Follower(source, all);
  await settle();
  server.refuse = (mutation) => (mutation.patch ? problem(422, "schema_violation") : null);
  await write("patch", "n1", { patch: { title: "New" } });
  await settle();
  expect(follower.docs[0]?.title).toBe("Old");
  expect(follower.meta.get("n1")?.failed?.code).toBe("schema_violation");
  const [failed] = await source.pending();
  expect(failed).toMatchObject({ state: "failed", documentId: "n1", error: { code: "schema_violation", status: 422 } });
  await source.discard(failed?.id ?? "");
  await settle();
  expect(follower.meta.size).toBe(0);
  expect(await source.pending()).toEqual([]);
});

test("a failed write can be kept on show, and retried", async () => {
  const { server, source, write } = world({ onFailure: "keep" });
  server.put("notes", "n1", { title: "Old" });
  const follower = new Follower(source, all);
  await settle();
  server.refuse = () => problem(403, "rule_denied");
  await write("patch", "n1", { patch: { title: "New" } });
  await settle();
  expect(follower.docs[0]?.title).toBe("New");
  server.refuse = () => null;
  const [failed] = await source.pending();
  await source.retry(failed?.id ?? "");
  await settle();
  expect(server.documents.get("notes/n1")?.title).toBe("New");
  expect(await source.pending()).toEqual([]);
});

test("what may no longer be read leaves the cache", async () => {
  const { server, client, clock, source } = world();
  server.put("notes", "n1", { title: "Secret", owner: "bob" });
  server.put("notes", "n2", { title: "Open" });
  const follower = new Follower(source, all);
  await settle();
  await source.get("notes", "n1");
  expect(follower.ids).toEqual(["n2", "n1"]);
  server.rules((_, doc) => doc.owner !== "bob");
  await settle();
  expect(follower.ids).toEqual(["n2"]);
  client.go(false);
  await expect(clock.until(source.get("notes", "n1"))).rejects.toMatchObject({ code: "offline" });
  expect((await source.get("notes", "n2")).title).toBe("Open");
});

test("rights that are lost while offline take the documents with the next snapshot", async () => {
  const { server, client, clock, adapter, source } = world();
  server.put("notes", "n1", { title: "Secret" });
  const follower = new Follower(source, all);
  await settle();
  follower.stop();
  await source.list({ collection: "notes" });
  await source.close();
  client.go(false);
  server.rules(() => false);
  const second = device(adapter, client, clock);
  expect((await second.source.list({ collection: "notes" })).items).toHaveLength(1);
  client.go(true);
  await clock.until(second.source.sync());
  client.go(false);
  expect((await second.source.list({ collection: "notes" })).items).toEqual([]);
  await expect(second.source.get("notes", "n1")).rejects.toMatchObject({ code: "offline" });
  await second.source.close();
  expect(JSON.stringify(await adapter.read(""))).not.toContain("Secret");
});

test("queries that only the server answers fail clearly without it", async () => {
  const { client, clock, source } = world();
  client.go(false);
  await expect(source.list({ collection: "notes", search: "x" })).rejects.toMatchObject({ code: "offline" });
  await expect(source.list({ collection: "notes", filter: "title.matches('a+')" })).rejects.toMatchObject({
    code: "offline",
  });
  const follower = new Follower(source, { collection: "notes", filter: "title.matches('a+')" });
  const searching = new Follower(source, { collection: "notes", search: "x" });
  await clock.advance(2_000);
  expect(follower.errors[0]?.code).toBe("offline");
  expect(searching.errors[0]?.code).toBe("offline");
});

test("log-out with unsent writes is refused, and wipes when it is meant", async () => {
  const { server, client, clock, adapter, source, write, auth } = world();
  server.put("notes", "n1", { title: "Secret" });
  const follower = new Follower(source, all);
  await settle();
  client.go(false);
  await write("create", "n2", { data: { title: "Unsent" } });
  await expect(clock.until(source.beforeLogout())).rejects.toMatchObject({ code: "pending_writes" });
  await source.beforeLogout({ discard: true });
  auth({ type: "signed_out", userId: null });
  await source.wipe();
  await settle();
  expect(follower.docs).toEqual([]);
  expect(await adapter.read("ada/")).toEqual([]);
});

test("users of one device don't see each other's documents", async () => {
  const { server, clock, client, source, auth, write } = world();
  server.put("notes", "n1", { title: "Ada's" });
  const follower = new Follower(source, all);
  await settle();
  client.go(false);
  await write("create", "n2", { data: { title: "Ada's unsent" } });
  auth({ type: "session_ended", userId: null });
  await settle();
  expect(follower.docs).toEqual([]);
  auth({ type: "signed_in", userId: "bob" });
  await clock.advance(2_000);
  expect(follower.docs).toEqual([]);
  auth({ type: "signed_in", userId: "ada" });
  await clock.advance(2_000);
  expect(follower.ids.sort()).toEqual(["n1", "n2"]);
  expect(await source.pending()).toHaveLength(1);
});

test("nothing goes out in the name of the one who signs in next", async () => {
  const { server, client, source, auth, write } = world();
  const names: string[] = [];
  client.before = (what) => {
    if (what === "write") names.push(client.user);
  };
  client.go(false);
  await write("create", "n1", { data: { title: "Ada's" } });
  await write("create", "n2", { data: { title: "Ada's" } });
  client.go(true);
  const syncing = source.sync().catch((error) => error.code);
  await Promise.resolve();
  auth({ type: "signed_in", userId: "bob" });
  names.length = 0;
  expect(await syncing).toBe("closed");
  await settle();
  expect(names).toEqual([]);
  expect(server.documents.size).toBeLessThan(2);
});

test("a result that is refused is forgotten, and every view is told", async () => {
  const { server, client, source } = world();
  server.put("notes", "n1", { title: "x" });
  await source.list({ collection: "notes" });
  client.faults.push(problem(403, "rule_denied"));
  await expect(source.list({ collection: "notes" })).rejects.toMatchObject({ code: "rule_denied" });
  client.go(false);
  expect((await source.list({ collection: "notes" })).items).toEqual([]);
  client.go(true);
  client.subscribe = (_, handlers) => {
    queueMicrotask(() => handlers.error(problem(403, "rule_denied")));
    return () => {};
  };
  const one = new Follower(source, all);
  await settle();
  const two = new Follower(source, all);
  await settle();
  expect([one, two].map(({ errors }) => errors.map(({ code }) => code))).toEqual([["rule_denied"], ["rule_denied"]]);
  expect(two.history).toEqual([]);
});

test("visitors read from the cache, and write to the server or not at all", async () => {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const { source, write } = device(new MemoryAdapter("visitor"), client, new FakeClock(), {}, null);
  await write("create", "n1", { data: { title: "Hello" } });
  expect(server.documents.size).toBe(1);
  expect((await source.list({ collection: "notes" })).items).toHaveLength(1);
  client.go(false);
  await expect(write("create", "n2", { data: {} })).rejects.toMatchObject({ code: "offline" });
  expect((await source.list({ collection: "notes" })).items).toHaveLength(1);
});

test("the cache keeps within its limits, but never drops what is watched or waits", async () => {
  const { server, source, client, write } = world({ limits: { documents: 5 } });
  for (const n of [0, 1, 2, 3]) {
    for (const m of [0, 1, 2]) server.put("notes", `n${n}${m}`, { title: `${m}`, group: n });
  }
  const follower = new Follower(source, { collection: "notes", filter: "group == 0" });
  await settle();
  for (const n of [1, 2, 3]) await source.list({ collection: "notes", filter: `group == ${n}` });
  client.go(false);
  await write("patch", "n00", { patch: { title: "mine" } });
  expect(follower.ids).toHaveLength(3);
  expect((await source.list({ collection: "notes", filter: "group == 1" })).items).toEqual([]);
  await expect(source.get("notes", "n10")).rejects.toMatchObject({ code: "offline" });
});

test("an outbox that is full says so", async () => {
  const { client, write } = world({ limits: { writes: 2 } });
  client.go(false);
  await write("create", "a", { data: {} });
  await write("create", "b", { data: {} });
  await expect(write("create", "c", { data: {} })).rejects.toMatchObject({ code: "outbox_full" });
});
