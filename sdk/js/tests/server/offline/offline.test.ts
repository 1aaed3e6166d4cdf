import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Client, createClient, type LiveResult } from "../../../src/index.js";
import { MemoryAdapter } from "../../../src/offline/adapters/memory.js";
import { persistence } from "../../../src/offline/index.js";
import type { OfflineOptions } from "../../../src/offline/types.js";
import { type Engine, engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Note, type Notes, PASSWORD } from "../documents/app.js";
import { Device, type Way } from "./device.js";

const combinations = engines.flatMap((engine): [Engine, Way][] => [
  [engine, "WebSocket"],
  [engine, "event stream"],
]);

describe.each(combinations)("offline on %s by %s", { timeout: 120_000 }, (engine, way) => {
  let server: TestServer;
  const open: Client<Notes>[] = [];
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
  });
  afterAll(async () => {
    for (const client of open) await client.close();
    await server.stop();
  });

  async function device(
    options: OfflineOptions = {},
    adapter = new MemoryAdapter(`server-${Math.random()}`),
    email?: string,
  ) {
    const made = new Device<Notes>({ url: server.url, way, persistence: persistence(adapter, options) });
    open.push(made.client);
    const account = { email: email ?? `${Math.random().toString(36).slice(2)}@example.com`, password: PASSWORD };
    const { user } = email ? await made.client.auth.login(account) : await made.client.auth.signUp(account);
    return Object.assign(made, { userId: user.id });
  }

  function follow(client: Client<Notes>): { result: LiveResult<Note> | undefined; stop(): void } {
    const held: { result: LiveResult<Note> | undefined; stop(): void } = { result: undefined, stop: () => {} };
    held.stop = client
      .collection("notes")
      .orderBy("n")
      .subscribe((result) => {
        held.result = result;
      });
    return held;
  }

  const note = (owner: string, n: number, more: Partial<Note> = {}): Note => ({
    title: `Note ${n}`,
    owner,
    n,
    ...more,
  });

  test("edits made offline reach the server and the others", async () => {
    const mobile = await device();
    const { client, offline, userId } = mobile;
    const friend = await device();
    const notes = client.collection("notes");
    const mine = follow(client);
    const theirs = follow(friend.client);
    const first = await notes.create(note(userId, 1, { members: [friend.userId] }));
    await offline.sync();
    await vi.waitFor(() => expect(theirs.result?.documents.map((doc) => doc.n)).toEqual([1]), 10_000);
    mobile.cut();
    await notes.update(first.id, { title: "Edited offline" });
    await notes.create(note(userId, 2, { members: [friend.userId] }));
    await vi.waitFor(() =>
      expect(mine.result?.documents.map((doc) => doc.title)).toEqual(["Edited offline", "Note 2"]),
    );
    expect(mine.result?.meta.get(first.id)).toEqual({ pending: true });
    expect(await offline.pending()).toHaveLength(2);
    mobile.reconnect();
    await vi.waitFor(() => offline.sync(), 20_000);
    await vi.waitFor(() => {
      expect(theirs.result?.documents.map((doc) => doc.title)).toEqual(["Edited offline", "Note 2"]);
      expect(mine.result?.documents.map((doc) => [doc.title, doc.rev === ""])).toEqual([
        ["Edited offline", false],
        ["Note 2", false],
      ]);
      expect(mine.result?.state).toBe("live");
    }, 20_000);
    expect(mine.result?.meta.size).toBe(0);
    mine.stop();
    theirs.stop();
  });

  test("lost answers and double deliveries have no second effect", async () => {
    const { client, offline, network, userId } = await device();
    const { id } = await client.collection("notes").create(note(userId, 0, { tags: [] }));
    network.faults = { lost: 0.4, twice: 0.4 };
    for (let n = 1; n <= 10; n++) {
      await client.collection("notes").update(id, { n: { $increment: 1 }, tags: { $append: [String(n)] } });
    }
    await vi.waitFor(() => offline.sync(), 60_000);
    const stored = await client.collection("notes").get(id);
    expect(stored.n).toBe(10);
    expect(stored.tags).toEqual(Array.from({ length: 10 }, (_, n) => String(n + 1)));
  });

  test("who is taken out of the members keeps no copy", async () => {
    const owner = await device();
    const adapter = new MemoryAdapter(`member-${engine}-${way}`);
    const member = await device({}, adapter);
    const notes = owner.client.collection("notes");
    const shared = await notes.create(note(owner.userId, 7, { members: [member.userId], title: "Confidential" }));
    await owner.offline.sync();
    const seen = follow(member.client);
    await vi.waitFor(() => expect(seen.result?.documents).toHaveLength(1), 10_000);
    await member.client.collection("notes").get(shared.id);
    await notes.update(shared.id, { members: [] });
    await owner.offline.sync();
    await vi.waitFor(() => expect(seen.result?.documents).toHaveLength(0), 10_000);
    await vi.waitFor(async () => {
      await member.offline.sync();
      expect(JSON.stringify(await adapter.read(""))).not.toContain("Confidential");
    }, 10_000);
    member.cut();
    await expect(member.client.collection("notes").get(shared.id)).rejects.toMatchObject({ code: "offline" });
    seen.stop();
  });

  test("goes on after a restart of the app and one of the server", async () => {
    const adapter = new MemoryAdapter(`restart-${engine}-${way}`);
    const email = `r${Math.random().toString(36).slice(2)}@example.com`;
    const setUp = createClient<Notes>({ url: server.url });
    await setUp.auth.signUp({ email, password: PASSWORD });
    const before = await device({}, adapter, email);
    const seen = follow(before.client);
    for (let n = 1; n <= 3; n++) await before.client.collection("notes").create(note(before.userId, n));
    await before.offline.sync();
    before.cut();
    await before.client.collection("notes").create(note(before.userId, 4));
    await vi.waitFor(() => expect(seen.result?.documents).toHaveLength(4));
    await before.client.close();
    await server.restart();
    await setUp.collection("notes").create(note(before.userId, 5));
    const after = await device({}, adapter, email);
    const again = follow(after.client);
    await vi.waitFor(() => expect(again.result?.documents.map((doc) => doc.n)).toEqual([1, 2, 3, 4, 5]), 20_000);
    await vi.waitFor(() => after.offline.sync(), 20_000);
    expect(await setUp.collection("notes").orderBy("n").list()).toMatchObject({
      items: [1, 2, 3, 4, 5].map((n) => ({ n })),
    });
    again.stop();
    await setUp.close();
  });

  test("conflicts are found by the revision", async () => {
    const writer = await device({ conflicts: { notes: "merge" } });
    const other = createClient<Notes>({ url: server.url, fetch: fetch });
    open.push(other);
    const notes = writer.client.collection("notes");
    const seen = follow(writer.client);
    const { id } = await notes.create(note(writer.userId, 1, { status: "open" }));
    await writer.offline.sync();
    await vi.waitFor(() => expect(seen.result?.documents[0]?.rev).toBeTruthy());
    writer.cut();
    await notes.update(id, { title: "Mine", n: { $increment: 1 } });
    const answer = await fetch(`${server.url}/v1/collections/notes/documents/${id}`, {
      method: "PATCH",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/merge-patch+json" },
      body: JSON.stringify({ status: "closed", n: 10 }),
    });
    expect(answer.status).toBe(200);
    writer.reconnect();
    await vi.waitFor(() => writer.offline.sync(), 20_000);
    expect(await writer.offline.conflicts()).toEqual([]);
    expect(await notes.get(id)).toMatchObject({ title: "Mine", status: "closed", n: 11 });
    seen.stop();
  });

  test("a refused write fails, and log-out is refused until it is discarded", async () => {
    const adapter = new MemoryAdapter(`logout-${engine}-${way}`);
    const { client, offline, userId } = await device({}, adapter);
    await client.collection("notes").create({ ...note(userId, 1), owner: "somebody-else" });
    await vi.waitFor(async () => expect((await offline.pending())[0]?.state).toBe("failed"), 10_000);
    expect((await offline.pending())[0]?.error?.code).toBe("rule_denied");
    await expect(client.auth.logout()).rejects.toMatchObject({ code: "pending_writes" });
    expect(client.auth.user).not.toBeNull();
    await client.auth.logout({ discard: true });
    expect(await adapter.read(`${userId}/`)).toEqual([]);
  });
});
