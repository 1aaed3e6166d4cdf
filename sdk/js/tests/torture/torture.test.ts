/**
 * Five users write at random, online and offline, over a network that loses answers and delivers twice, to a server that
 * is killed, while memberships and rules change. Afterwards all hold what the server has, nothing that was acknowledged
 * is lost, nothing was done twice, and nobody holds what he may no longer read. BASALT_TEST_LONG=1: 2,000 writes each.
 */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { type KeyValueStorage, memoryStorage } from "../../src/storage/storage.js";
import { engines, startServer, type TestServer } from "../support/server.js";
import { User } from "./user.js";
import { admin, app, CLOSED, everything, kept, OPEN, readable, type Stored, signUp } from "./world.js";

const WRITES = process.env.BASALT_TEST_LONG ? 2_000 : 150;
const USERS = 5;
const ROOMS = 4;
const SEED = Number(process.env.BASALT_TEST_SEED ?? Date.now() % 1_000_000);

test.each(engines)("everything comes together in the end, on %s", { timeout: 3_600_000 }, async (engine) => {
  const server = await startServer({ engine, app: app(OPEN) });
  try {
    const users = await people(server);
    const story = `seed ${SEED}`;
    for (const user of users) user.open();
    for (const user of users) user.network.faults = { lost: 0.05, twice: 0.05 };
    const work = Promise.all(users.map((user) => user.write(WRITES).then(() => user.send())));
    await Promise.all([work, trouble(server, users)]);
    const refused = await Promise.all(users.map((user) => user.settle()));
    const stored = await everything(server);
    thereWasTrouble(users, refused);
    nothingLostOrDoubled(stored, users, refused, story);
    for (const user of users) await holdsWhatItMay(server, user, story);
    await Promise.all(users.map((user) => user.close()));
  } finally {
    await server.stop();
  }
});

async function people(server: TestServer): Promise<User[]> {
  const people: { email: string; id: string; storage: KeyValueStorage }[] = [];
  for (let n = 0; n < USERS; n++) {
    const [email, storage] = [`user${n}@example.com`, memoryStorage()];
    people.push({ email, storage, id: await signUp(server, email, storage) });
  }
  const ids = people.map(({ id }) => id);
  const targets = { logs: [] as string[], letters: [] as string[] };
  const put = (collection: string, id: string, body: object) =>
    admin(server, "PUT", `/v1/collections/${collection}/documents/${id}`, body);
  for (let room = 0; room < ROOMS; room++) await put("rooms", `room${room}`, { members: ids });
  for (let n = 0; n < 20; n++) {
    targets.logs.push(`log${n}`);
    targets.letters.push(`letter${n}`);
    await put("logs", `log${n}`, { entries: [], count: 0 });
    await put("letters", `letter${n}`, { entries: [], count: 0, room: `room${n % ROOMS}` });
    await put("vaults", `vault${n}`, { owner: ids[n % USERS], secret: `secret-${n}` });
  }
  return people.map(({ email, id, storage }, n) => {
    const way = n % 2 ? "WebSocket" : "event stream";
    return new User(server, email, id, storage, way, SEED + n * 7, targets);
  });
}

/** The server dies now and then; in the middle users leave rooms, and the vaults are closed. */
async function trouble(server: TestServer, users: User[]): Promise<void> {
  const reach = async (part: number) => {
    const sent = () => users.reduce((sum, user) => sum + user.network.counts.sent, 0);
    while (sent() < WRITES * USERS * part) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  for (const part of [0.15, 0.3]) {
    await reach(part);
    await server.restart();
  }
  await reach(0.4);
  const [first, second, ...rest] = users.map((user) => user.userId);
  await admin(server, "PATCH", "/v1/collections/rooms/documents/room0", { members: [second, ...rest] });
  await admin(server, "PATCH", "/v1/collections/rooms/documents/room1", { members: [first] });
  await reach(0.6);
  await writeFile(join(server.folder, "app.toml"), app(CLOSED));
  await server.restart();
  await reach(0.8);
  await admin(server, "PATCH", "/v1/collections/rooms/documents/room0", { members: [first, second, ...rest] });
  await server.restart();
}

/** Otherwise the test has shown nothing. */
function thereWasTrouble(users: User[], refused: Set<string>[]): void {
  const count = (name: "lost" | "twice") => users.reduce((sum, user) => sum + user.network.counts[name], 0);
  expect(count("lost")).toBeGreaterThan(0);
  expect(count("twice")).toBeGreaterThan(0);
  expect(refused.reduce((sum, tags) => sum + tags.size, 0)).toBeGreaterThan(0);
}

function nothingLostOrDoubled(
  stored: Record<string, Stored[]>,
  users: User[],
  refused: Set<string>[],
  story: string,
): void {
  const entries = new Map<string, string[]>();
  for (const collection of ["logs", "letters"]) {
    for (const doc of stored[collection] ?? []) {
      const list = doc.entries as string[];
      entries.set(`${collection}/${doc.id}`, list);
      expect(new Set(list).size, `${story}: ${doc.id} has an entry twice`).toBe(list.length);
      expect(doc.count, `${story}: ${doc.id} was counted as often as it was written`).toBe(list.length);
    }
  }
  const notes = new Set((stored.notes ?? []).map((doc) => doc.id));
  users.forEach((user, n) => {
    for (const [key, list] of entries) {
      const own = user.acknowledged.filter(({ collection, id }) => `${collection}/${id}` === key).map(({ tag }) => tag);
      const there = list.filter((tag) => own.includes(tag));
      const wanted = own.filter((tag) => !refused[n]?.has(tag));
      // In the order in which they were made, too.
      expect(there, `${story}: ${user.email} in ${key}`).toEqual(wanted);
    }
    for (const id of user.notes) expect(notes.has(id), `${story}: note ${id}`).toBe(true);
    for (const id of user.deleted) expect(notes.has(id), `${story}: deleted note ${id}`).toBe(false);
  });
}

async function holdsWhatItMay(server: TestServer, user: User, story: string): Promise<void> {
  const shapes = (docs: { id: string; rev: string }[]) => docs.map(({ id, rev }) => `${id} ${rev}`).sort();
  const may = readable(await everything(server), user.userId, CLOSED);
  await vi.waitFor(
    () => {
      for (const [name, docs] of Object.entries(may)) {
        const shown = (user.shown[name]?.documents ?? []) as unknown as Stored[];
        expect(shapes(shown), `${story}: ${user.email} sees ${name}`).toEqual(shapes(docs));
      }
    },
    { timeout: 30_000, interval: 100 },
  );
  await user.device.offline.sync();
  const held = await kept(user.adapter, user.userId);
  for (const [name, docs] of Object.entries(may)) {
    expect(shapes(held[name] ?? []), `${story}: ${user.email} holds ${name}`).toEqual(shapes(docs));
  }
}
