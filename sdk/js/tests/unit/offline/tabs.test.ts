import { IDBFactory, IDBKeyRange } from "fake-indexeddb";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { IndexedDbAdapter } from "../../../src/offline/adapters/indexeddb.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import { seekLead } from "../../../src/offline/leader.js";
import { systemClock } from "../../../src/transport/clock.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer } from "./server.js";

beforeAll(() => vi.stubGlobal("IDBKeyRange", IDBKeyRange));
afterAll(() => vi.unstubAllGlobals());

const notes = { collection: "notes", sort: ["title"] };

test("what one tab writes offline the other shows, and the leader alone sends it", async () => {
  const server = new FakeServer();
  const [first, second] = [new FakeClient(server), new FakeClient(server)];
  const adapter = new MemoryAdapter("two-tabs");
  const clock = new FakeClock();
  const one = device(adapter, first, clock);
  await settle();
  const two = device(adapter, second, clock);
  const [here, there] = [new Follower(one.source, notes), new Follower(two.source, notes)];
  await settle();
  first.go(false);
  second.go(false);
  await two.write("create", "a", { data: { title: "From two" } });
  await vi.waitFor(() => expect(here.ids).toEqual(["a"]));
  await one.write("create", "b", { data: { title: "Of one" } });
  await vi.waitFor(() => {
    expect(here.ids).toEqual(["a", "b"]);
    expect(there.ids).toEqual(["a", "b"]);
  });
  expect((await one.source.pending()).map((each) => each.documentId)).toEqual(["a", "b"]);
  const sent: string[] = [];
  for (const [name, client] of [
    ["one", first],
    ["two", second],
  ] as const) {
    client.before = (what) => {
      if (what === "write") sent.push(name);
    };
  }
  first.go(true);
  second.go(true);
  await clock.advance(60_000);
  await vi.waitFor(async () => expect(await two.source.pending()).toEqual([]));
  expect(server.effects).toHaveLength(2);
  expect(new Set(sent)).toEqual(new Set(["one"]));
  expect(there.docs.map((doc) => doc.rev)).toEqual(["r1", "r2"]);
  expect(there.meta.size).toBe(0);
});

test("when the leader dies another takes over, without losing or doubling a write", async () => {
  const server = new FakeServer();
  const [dying, heir] = [new FakeClient(server), new FakeClient(server)];
  const adapter = new MemoryAdapter("heirs");
  const clock = new FakeClock();
  const deadClock = new FakeClock();
  const one = device(adapter, dying, deadClock);
  await settle();
  const two = device(adapter, heir, clock);
  server.put("notes", "n", { title: "x", count: 0 });
  new Follower(two.source, notes);
  await settle();
  // The leader sends, the server applies it, and the leader is gone: its clock stands still from here on.
  let writes = 0;
  dying.before = (what) => {
    if (what === "write") writes += 1;
    return undefined;
  };
  const send = dying.write.bind(dying);
  dying.write = async (mutation) => {
    await send(mutation);
    return new Promise<never>(() => {});
  };
  await one.write("patch", "n", { patch: { count: { $increment: 1 } } });
  await two.write("patch", "n", { patch: { count: { $increment: 10 } } });
  await settle();
  expect(writes).toBe(1);
  expect(server.documents.get("notes/n")?.count).toBe(1);
  await clock.advance(30_000);
  await vi.waitFor(async () => expect(await two.source.pending()).toEqual([]));
  expect(server.documents.get("notes/n")?.count).toBe(11);
  expect(server.effects).toHaveLength(3);
});

test("tabs on one IndexedDB share documents and writes", async () => {
  const server = new FakeServer();
  const factory = new IDBFactory();
  const client = new FakeClient(server);
  const one = device(new IndexedDbAdapter("shared", factory), client, systemClock);
  const two = device(new IndexedDbAdapter("shared", factory), new FakeClient(server), systemClock);
  const there = new Follower(two.source, notes);
  for (let n = 0; n < 20; n++) await one.write("create", `n${n}`, { data: { title: String(n).padStart(2, "0") } });
  await vi.waitFor(() => expect(there.ids).toHaveLength(20), 5_000);
  await vi.waitFor(async () => expect(await two.source.pending()).toEqual([]), 5_000);
  await one.source.close();
  await two.source.close();
  client.reachable = false;
  const later = device(new IndexedDbAdapter("shared", factory), client, systemClock);
  const again = new Follower(later.source, notes);
  await vi.waitFor(() => expect(again.ids).toEqual(there.ids));
  await later.source.close();
});

test("a Web Lock makes the leader where there are any", async () => {
  const waiting: (() => void)[] = [];
  let held = false;
  const locks = {
    async request(_name: string, { signal }: { signal: AbortSignal }, work: () => Promise<void>) {
      while (held) await new Promise<void>((resolve) => waiting.push(resolve));
      if (signal.aborted) throw new Error("aborted");
      held = true;
      await work();
      held = false;
      waiting.shift()?.();
    },
  };
  const leaders: string[] = [];
  const seek = (tab: string) =>
    seekLead({
      adapter: new MemoryAdapter("locked"),
      clock: new FakeClock(),
      key: "lead/ada",
      tab,
      locks,
      onLead: () => leaders.push(tab),
      onLose: () => leaders.push(`-${tab}`),
    });
  const stopFirst = seek("one");
  const stopSecond = seek("two");
  await settle();
  expect(leaders).toEqual(["one"]);
  await stopFirst();
  await settle();
  expect(leaders).toEqual(["one", "-one", "two"]);
  await stopSecond();
});

test("a lease is held by one, and by another when it has run out", async () => {
  const adapter = new MemoryAdapter("leased");
  const leaders: string[] = [];
  const seek = (tab: string, clock: FakeClock) =>
    seekLead({
      adapter,
      clock,
      key: "lead/ada",
      tab,
      onLead: () => leaders.push(tab),
      onLose: () => leaders.push(`-${tab}`),
    });
  const [frozen, clock] = [new FakeClock(), new FakeClock()];
  seek("one", frozen);
  await settle();
  const stop = seek("two", clock);
  await clock.advance(5_000);
  expect(leaders).toEqual(["one"]);
  await clock.advance(10_000);
  expect(leaders).toEqual(["one", "two"]);
  // The first wakes up, and sees that it no longer leads.
  await frozen.advance(3_000);
  expect(leaders).toEqual(["one", "two", "-one"]);
  await stop();
});
