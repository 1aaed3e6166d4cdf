/** The device dies at every point of the outbox at which something is waited for, and begins anew from what is stored. */
import { expect, test } from "vitest";
import type { DocumentSource, WriteResult } from "../../../src/documents/types.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import type { Adapter } from "../../../src/offline/types.js";
import { FakeClock, settle } from "../../support/clock.js";
import { device, Follower } from "./device.js";
import { FakeClient, FakeServer, problem } from "./server.js";

/** Leaps over a day without firing the timers on the way. */
class LeapingClock extends FakeClock {
  #shift = 0;

  constructor() {
    super();
    const still = this.now;
    this.now = () => still() + this.#shift;
  }

  shift(milliseconds: number): void {
    this.#shift += milliseconds;
  }
}

/** Counts down, and then everything stands still for ever: the process is gone. */
class Death {
  points = 0;
  constructor(readonly after: number) {}

  get isDead(): boolean {
    return this.points > this.after;
  }

  async pass(): Promise<void> {
    this.points += 1;
    if (this.isDead) await new Promise<never>(() => {});
  }
}

function mortal(store: MemoryAdapter, death: Death): Adapter {
  return {
    name: store.name,
    async read(prefix) {
      await death.pass();
      return store.read(prefix);
    },
    async commit(changes, expect) {
      await death.pass();
      const done = await store.commit(changes, expect);
      // Stored, and nobody learns of it.
      await death.pass();
      return done;
    },
    clear: (prefix) => store.clear(prefix),
  };
}

function mortalClient(client: FakeClient, death: Death): DocumentSource {
  const around = async <T>(work: () => Promise<T>): Promise<T> => {
    await death.pass();
    const answer = await work();
    await death.pass();
    return answer;
  };
  return {
    get: (collection, id) => around(() => client.get(collection, id)),
    list: (spec) => around(() => client.list(spec)),
    write: (mutation) => around(() => client.write(mutation)) as Promise<WriteResult>,
    subscribe: (spec, handlers) => client.subscribe(spec, handlers),
  };
}

/** One life: makes what of its plan isn't acknowledged yet. Gives the acknowledged steps. */
async function live(
  store: MemoryAdapter,
  client: FakeClient,
  clock: LeapingClock,
  death: Death,
  acknowledged: Set<number>,
) {
  const { source, write } = device(mortal(store, death), mortalClient(client, death), clock);
  new Follower(source, { collection: "notes" });
  const plan = async () => {
    for (let n = 0; n < 4; n++) {
      if (acknowledged.has(n)) continue;
      if (n === 0) await write("create", "log", { data: { entries: [], count: 0 } });
      else await write("patch", "log", { patch: { entries: { $append: [n] }, count: { $increment: 1 } } });
      acknowledged.add(n);
    }
    for (let synced = false; !synced; ) {
      synced = await source.sync().then(
        () => true,
        () => false,
      );
    }
  };
  let finished = false;
  plan().then(() => {
    finished = true;
  });
  for (let turn = 0; turn < 20 && !finished && !death.isDead; turn++) await clock.advance(2_500);
  return finished;
}

test.each(["answers", "lost answers"])(
  "no acknowledged write is lost and none is applied twice, with %s",
  async (kind) => {
    let deaths = 0;
    for (let after = 1; after < 60; after++) {
      const server = new FakeServer();
      const client = new FakeClient(server);
      const clock = new LeapingClock();
      const store = new MemoryAdapter(`crash-${kind}-${after}`);
      const acknowledged = new Set<number>();
      if (kind === "lost answers") client.faults.push("lost_answer", "lost_answer", "no_connection", "lost_answer");
      const death = new Death(after);
      const finished = await live(store, client, clock, death, acknowledged);
      if (death.isDead) deaths += 1;
      else expect(finished).toBe(true);
      const before = new Set(acknowledged);
      expect(await live(store, client, clock, new Death(Number.POSITIVE_INFINITY), acknowledged)).toBe(true);
      const log = server.documents.get("notes/log") as { entries?: number[]; count?: number } | undefined;
      // A write that died before it was acknowledged was made again by the app: it may be there twice, nothing else.
      const wanted = [1, 2, 3];
      const entries = log?.entries ?? [];
      expect([...new Set(entries)].sort()).toEqual(wanted);
      expect(entries.length - wanted.length).toBeLessThanOrEqual(before.size === 4 ? 0 : 1);
      expect(log?.count).toBe(entries.length);
      expect(new Set(server.effects).size).toBe(server.effects.length);
    }
    expect(deaths).toBeGreaterThan(15);
  },
);

test("an old write that may have arrived is not sent blindly", async () => {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new LeapingClock();
  const { source, write } = device(new MemoryAdapter("old"), client, clock);
  server.put("notes", "n1", { title: "x", count: 0 });
  new Follower(source, { collection: "notes" });
  await settle();
  client.faults.push("lost_answer");
  await write("patch", "n1", { patch: { count: { $increment: 1 } } });
  await settle();
  client.go(false);
  clock.shift(25 * 3_600_000);
  // The server has forgotten the key.
  server.kept.clear();
  client.go(true);
  await clock.until(source.sync());
  expect(server.documents.get("notes/n1")?.count).toBe(1);
  const [conflict] = await source.conflicts();
  expect(conflict).toMatchObject({ documentId: "n1", theirs: { count: 1 } });
});

test("an old write that never arrived is sent, on the revision that it was sent on first", async () => {
  const server = new FakeServer();
  const client = new FakeClient(server);
  const clock = new LeapingClock();
  const { source, write } = device(new MemoryAdapter("old-unsent"), client, clock);
  server.put("notes", "n1", { title: "x", count: 0 });
  new Follower(source, { collection: "notes" });
  await settle();
  client.faults.push("no_connection");
  await write("patch", "n1", { patch: { count: { $increment: 1 } } });
  await settle();
  client.go(false);
  clock.shift(25 * 3_600_000);
  server.kept.clear();
  client.go(true);
  await clock.until(source.sync());
  expect(server.documents.get("notes/n1")?.count).toBe(1);
  expect(await source.pending()).toEqual([]);
});

test("an old create that meets its own content is done, and other content is a conflict", async () => {
  for (const [data, conflicts] of [
    [{ title: "Mine" }, 0],
    [{ title: "Other" }, 1],
  ] as const) {
    const server = new FakeServer();
    const client = new FakeClient(server);
    const clock = new LeapingClock();
    const { source, write } = device(new MemoryAdapter(`create-${conflicts}`), client, clock);
    client.faults.push("lost_answer");
    await write("create", "n1", { data: { title: "Mine" } });
    await settle();
    client.go(false);
    clock.shift(25 * 3_600_000);
    server.kept.clear();
    server.put("notes", "n1", data);
    client.go(true);
    await clock.until(source.sync());
    expect(await source.conflicts()).toHaveLength(conflicts);
    expect(server.documents.get("notes/n1")).toMatchObject(data);
  }
});

test("a store that fails refuses the write, and nothing is shown", async () => {
  const server = new FakeServer();
  const store = new MemoryAdapter("full");
  let full = false;
  const adapter: Adapter = {
    name: store.name,
    read: (prefix) => store.read(prefix),
    commit: (changes, expect) => (full ? Promise.reject(problem(0, "storage")) : store.commit(changes, expect)),
    clear: (prefix) => store.clear(prefix),
  };
  const clock = new LeapingClock();
  const { source, write } = device(adapter, new FakeClient(server), clock);
  const follower = new Follower(source, { collection: "notes" });
  await settle();
  full = true;
  await expect(write("create", "n1", { data: {} })).rejects.toMatchObject({ code: "storage" });
  expect(follower.docs).toEqual([]);
  full = false;
  await write("create", "n2", { data: {} });
  await clock.advance(5_000);
  expect([...server.documents.keys()]).toEqual(["notes/n2"]);
});
