import { expect, test } from "vitest";
import { BasaltError } from "../../../src/errors.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import type { PendingWrite } from "../../../src/offline/types.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer, problem } from "./server.js";

function world(options = {}) {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new FakeClock();
  const adapter = new MemoryAdapter(`sending-${Math.random()}`);
  return { server, client, clock, adapter, ...device(adapter, client, clock, options) };
}

test.each([
  ["no connection", problem(0, "network")],
  ["a time-out", problem(0, "timeout")],
  ["an overload", problem(503, "overloaded")],
  ["an unknown outcome", problem(503, "outcome_unknown")],
  ["a limit", problem(429, "rate_limited")],
  ["the same request under way", problem(409, "idempotency_in_progress")],
  ["a proxy's page", problem(404, "bad_answer")],
  ["a fault of the server", problem(500, "internal")],
])("after %s the write is sent again", async (_, failure) => {
  const { server, client, clock, write } = world();
  client.faults.push(failure, failure);
  await write("create", "n1", { data: { title: "x" } });
  await settle();
  expect(server.documents.size).toBe(0);
  await clock.advance(5_000);
  expect(server.documents.size).toBe(1);
  expect(server.effects).toHaveLength(1);
});

test("the server's wish when to come back is honoured", async () => {
  const { server, client, clock, write } = world();
  client.faults.push(new BasaltError({ code: "rate_limited", message: "", status: 429, retryAfter: 20_000 }));
  await write("create", "n1", { data: {} });
  await clock.advance(19_000);
  expect(server.documents.size).toBe(0);
  await clock.advance(2_000);
  expect(server.documents.size).toBe(1);
});

test("a write that makes the server fail for ever doesn't hold up the others", async () => {
  const { server, clock, source, write } = world();
  server.refuse = (mutation) => (mutation.id === "poison" ? problem(500, "internal") : null);
  await write("create", "poison", { data: {} });
  await write("create", "n1", { data: {} });
  await clock.advance(600_000);
  expect([...server.documents.keys()]).toEqual(["notes/n1"]);
  expect(await source.pending()).toMatchObject([{ documentId: "poison", state: "failed" }]);
});

test("with an ended session writes wait until somebody signs in again", async () => {
  const { server, clock, source, write, auth } = world();
  server.refuse = () => problem(401, "token_expired");
  await write("create", "n1", { data: {} });
  await clock.advance(1_000);
  expect(await source.pending()).toMatchObject([{ state: "queued" }]);
  server.refuse = () => null;
  auth({ type: "token_refreshed", userId: "ada" });
  await settle();
  expect(server.documents.size).toBe(1);
});

test("writes go out in order, one after the other", async () => {
  const { server, client, clock, source, write } = world();
  client.go(false);
  const made: string[] = [];
  for (let n = 0; n < 30; n++) {
    await write("create", `n${n}`, { data: {}, idempotencyKey: `k${n}` });
    made.push(`k${n}`);
  }
  let underWay = 0;
  client.before = async (what) => {
    if (what !== "write") return;
    expect(underWay++).toBe(0);
    await settle();
    underWay--;
  };
  client.go(true);
  await clock.until(source.sync());
  expect(server.effects).toEqual(made);
});

test("the app hears of its pending writes", async () => {
  const { client, clock, source, write } = world();
  const heard: PendingWrite[][] = [];
  const stop = source.onPending((writes) => heard.push(writes));
  await settle();
  client.go(false);
  await write("create", "n1", { data: { title: "x" } });
  await settle();
  expect(heard.at(-1)).toMatchObject([
    { collection: "notes", documentId: "n1", kind: "create", state: "queued", madeAt: "2026-11-22T08:00:00.000Z" },
  ]);
  client.go(true);
  await clock.until(source.sync());
  expect(heard.at(-1)).toEqual([]);
  stop();
  const count = heard.length;
  await write("create", "n2", { data: {} });
  await settle();
  expect(heard).toHaveLength(count);
});

test("what may have arrived can't be discarded, what hasn't been sent can", async () => {
  const { client, source, write } = world();
  client.faults.push("no_connection");
  await write("create", "n1", { data: {} });
  await write("create", "n2", { data: {} });
  await settle();
  const [first, second] = await source.pending();
  await expect(source.discard(first?.id ?? "")).rejects.toMatchObject({ code: "write_under_way" });
  await source.discard(second?.id ?? "");
  expect(await source.pending()).toHaveLength(1);
  await expect(source.discard("nothing")).rejects.toMatchObject({ code: "bad_argument" });
  await expect(source.retry(first?.id ?? "")).rejects.toMatchObject({ code: "bad_argument" });
  await expect(source.resolve(first?.id ?? "", "mine")).rejects.toMatchObject({ code: "bad_argument" });
});

test("what depends on a refused create fails with it", async () => {
  const { server, client, clock, source, write } = world();
  const follower = new Follower(source, { collection: "notes" });
  await settle();
  client.go(false);
  await write("create", "n1", { data: { title: "x" } });
  await write("patch", "n1", { patch: { title: "y" } });
  await write("delete", "n1");
  server.refuse = (mutation) => (mutation.kind === "create" ? problem(403, "rule_denied") : null);
  client.go(true);
  await clock.until(source.sync());
  expect((await source.pending()).map((each) => [each.kind, each.state])).toEqual([
    ["create", "failed"],
    ["patch", "failed"],
  ]);
  expect(follower.docs).toEqual([]);
});

test("a write with a revision of the app's own is about that revision", async () => {
  const { server, client, clock, source, write } = world();
  const stored = server.put("notes", "n1", { title: "x" });
  new Follower(source, { collection: "notes" });
  await settle();
  client.go(false);
  await write("patch", "n1", { patch: { title: "mine" }, ifMatch: stored.rev });
  await write("patch", "n1", { patch: { body: "more" }, ifMatch: stored.rev });
  client.go(true);
  await clock.until(source.sync());
  expect(server.documents.get("notes/n1")).toMatchObject({ title: "mine", body: "more" });
  await write("patch", "n1", { patch: { title: "late" }, ifMatch: stored.rev });
  await settle();
  expect(await source.conflicts()).toMatchObject([{ documentId: "n1" }]);
});

test("closing ends the work, and what comes afterwards is told so", async () => {
  const { client, clock, source, write } = world();
  client.go(false);
  await write("create", "n1", { data: {} });
  const syncing = source.sync();
  const ended = expect(syncing).rejects.toBeInstanceOf(BasaltError);
  await source.close();
  await ended;
  await expect(source.pending()).rejects.toMatchObject({ code: "closed" });
  await expect(source.get("notes", "n1")).rejects.toMatchObject({ code: "closed" });
  const before = client.requests;
  await clock.advance(120_000);
  expect(client.requests).toBe(before);
});
