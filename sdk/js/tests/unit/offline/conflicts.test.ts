import { expect, test } from "vitest";
import type { Document } from "../../../src/documents/types.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import type { Conflict, ConflictPolicy } from "../../../src/offline/types.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer } from "./server.js";

async function diverged(policy: ConflictPolicy, patch: Document | Record<string, never> | object, theirs: object) {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new FakeClock();
  const adapter = new MemoryAdapter(`conflict-${Math.random()}`);
  const made = device(adapter, client, clock, { conflicts: { "*": policy } });
  server.put("notes", "n1", { title: "Base", body: "base", count: 0 });
  const follower = new Follower(made.source, { collection: "notes" });
  const conflicts: Conflict[] = [];
  made.source.onConflict((conflict) => conflicts.push(conflict));
  await settle();
  client.go(false);
  await made.write("patch", "n1", { patch: patch as Record<string, never> });
  server.put("notes", "n1", { title: "Base", body: "base", count: 0, ...theirs });
  client.go(true);
  await clock.until(made.source.sync());
  return {
    ...made,
    server,
    client,
    clock,
    adapter,
    follower,
    conflicts,
    stored: () => server.documents.get("notes/n1"),
  };
}

test("last write wins where nothing else is said", async () => {
  const { stored, conflicts } = await diverged("last-write-wins", { title: "Mine" }, { title: "Theirs", body: "b" });
  expect(stored()).toMatchObject({ title: "Mine", body: "b" });
  expect(conflicts).toEqual([]);
});

test("reject takes the write back and shows the conflict, also after a restart", async () => {
  const { stored, conflicts, follower, source, adapter, client, clock } = await diverged(
    "reject",
    { title: "Mine" },
    { title: "Theirs" },
  );
  expect(stored()?.title).toBe("Theirs");
  expect(follower.docs[0]?.title).toBe("Theirs");
  expect(follower.meta.get("n1")?.failed?.code).toBe("conflict");
  expect(conflicts).toHaveLength(1);
  expect(conflicts[0]).toMatchObject({
    base: { title: "Base" },
    mine: { title: "Mine" },
    theirs: { title: "Theirs" },
    fields: ["title"],
  });
  await source.close();
  const again = device(adapter, client, clock, { conflicts: { notes: "reject" } });
  const [kept] = await again.source.conflicts();
  expect(kept).toEqual(conflicts[0]);
  await again.source.resolve(kept?.id ?? "", "mine");
  await settle();
  expect(stored()?.title).toBe("Mine");
  expect(await again.source.conflicts()).toEqual([]);
});

test("a conflict can be resolved for theirs or by a document", async () => {
  const first = await diverged("reject", { title: "Mine" }, { title: "Theirs" });
  await first.source.resolve(first.conflicts[0]?.id ?? "", "theirs");
  expect(first.stored()?.title).toBe("Theirs");
  expect(await first.source.pending()).toEqual([]);
  const second = await diverged("reject", { title: "Mine" }, { title: "Theirs" });
  await second.source.resolve(second.conflicts[0]?.id ?? "", { document: { title: "Both" } });
  await settle();
  expect(second.stored()).toMatchObject({ title: "Both" });
  expect(second.stored()?.body).toBeUndefined();
});

test("merge keeps what only one side changed", async () => {
  const { stored, conflicts } = await diverged(
    "merge",
    { title: "Mine", count: { $increment: 2 } },
    { body: "theirs", count: 5 },
  );
  expect(stored()).toMatchObject({ title: "Mine", body: "theirs", count: 7 });
  expect(conflicts).toEqual([]);
});

test("merge shows what both changed, or chooses", async () => {
  const shown = await diverged("merge", { title: "Mine" }, { title: "Theirs", body: "theirs" });
  expect(shown.stored()?.title).toBe("Theirs");
  expect(shown.conflicts[0]?.fields).toEqual(["title"]);
  const mine = await diverged({ merge: "mine" }, { title: "Mine" }, { title: "Theirs", body: "theirs" });
  expect(mine.stored()).toMatchObject({ title: "Mine", body: "theirs" });
  const theirs = await diverged({ merge: "theirs" }, { title: "Mine", body: "mine" }, { title: "Theirs" });
  expect(theirs.stored()).toMatchObject({ title: "Theirs", body: "mine" });
});

test("a function decides, and one that fails leaves it to people", async () => {
  const decided = await diverged(
    async ({ mine, theirs }) => ({ document: { title: `${mine?.title} & ${theirs?.title}` } }),
    { title: "Mine" },
    { title: "Theirs" },
  );
  expect(decided.stored()?.title).toBe("Mine & Theirs");
  const failed = await diverged(
    () => {
      throw new Error("oh");
    },
    { title: "Mine" },
    { title: "Theirs" },
  );
  expect(failed.conflicts).toHaveLength(1);
});

test("writes on top of each other are no conflict of their own", async () => {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new FakeClock();
  const { source, write } = device(new MemoryAdapter("chain"), client, clock, { conflicts: { notes: "reject" } });
  server.put("notes", "n1", { title: "Base" });
  new Follower(source, { collection: "notes" });
  await settle();
  client.go(false);
  for (const n of [1, 2, 3]) await write("patch", "n1", { patch: { title: `Mine ${n}` } });
  await write("delete", "n1");
  await write("create", "n1", { data: { title: "New" } });
  client.go(true);
  await clock.until(source.sync());
  expect(server.documents.get("notes/n1")?.title).toBe("New");
  expect(await source.conflicts()).toEqual([]);
});

test("a document that was deleted meanwhile is a conflict, and can be made again", async () => {
  const { server, source, conflicts, stored } = await diverged("merge", { title: "Mine" }, {});
  expect(conflicts).toEqual([]);
  expect(stored()?.title).toBe("Mine");
  const gone = await diverged("reject", { body: "mine" }, {});
  expect(gone.conflicts).toHaveLength(1);
  gone.server.remove("notes", "n1");
  await gone.source.resolve(gone.conflicts[0]?.id ?? "", "mine");
  await settle();
  const [again] = await gone.source.conflicts();
  expect(again?.theirs).toBeNull();
  await gone.source.resolve(again?.id ?? "", "mine");
  await settle();
  expect(gone.stored()).toMatchObject({ title: "Base", body: "mine" });
  expect(server.effects.length).toBeGreaterThan(0);
  expect(await source.pending()).toEqual([]);
});

test("bad policies are refused at once", () => {
  const make = (policy: unknown) => () =>
    device(new MemoryAdapter("x"), new FakeClient(new FakeServer()), new FakeClock(), {
      conflicts: { notes: policy as ConflictPolicy },
    });
  expect(make("newest")).toThrow(/conflicts.notes/);
  expect(make({ merge: "both" })).toThrow(/conflicts.notes/);
});
