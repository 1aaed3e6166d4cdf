/** The app of the torture test, and what each user may read of it. */
import { createClient, type KeyValueStorage } from "../../src/index.js";
import type { MemoryAdapter } from "../../src/offline/adapters/memory.js";
import type { TestServer } from "../support/server.js";

/** `logs` are everybody's; `letters` their room's members', looked up; who reads `vaults` is changed on the way. */
export const app = (vaults: string) => `
[collections.logs.rules]
read = "auth != null"
write = "auth != null"

[collections.rooms.rules]
read = "auth.id in doc.members"

[collections.letters.rules]
read = "auth.id in get('rooms', doc.room).members"
update = "auth.id in get('rooms', doc.room).members"
create = "auth.id in get('rooms', next.room).members"

[collections.notes.rules]
read = "auth.id == doc.owner || auth.id in doc.readers"
create = "auth.id == next.owner"
update = "auth.id == doc.owner"
delete = "auth.id == doc.owner"

[collections.vaults.rules]
read = "${vaults}"
create = "auth.id == next.owner"

[auth.limits]
signUpsPerHour = 10000
`;

export const OPEN = "auth != null";
export const CLOSED = "auth.id == doc.owner";

export interface Log {
  entries: string[];
  count: number;
}

export interface Schema {
  logs: Log;
  rooms: { members: string[] };
  letters: Log & { room: string };
  notes: { owner: string; readers: string[]; n: number };
  vaults: { owner: string; secret: string };
}

export const COLLECTIONS = ["logs", "rooms", "letters", "notes", "vaults"] as const;

export interface Stored {
  id: string;
  rev: string;
  [field: string]: unknown;
}

/** Everything, by the service key. */
export async function everything(server: TestServer): Promise<Record<string, Stored[]>> {
  const found: Record<string, Stored[]> = {};
  for (const collection of COLLECTIONS) {
    const answer = await admin(server, "GET", `/v1/collections/${collection}/export`);
    const lines = (await answer.text()).split("\n").filter(Boolean);
    found[collection] = lines.map((line) => JSON.parse(line) as Stored);
  }
  return found;
}

export function readable(stored: Record<string, Stored[]>, userId: string, vaults: string): Record<string, Stored[]> {
  const members = new Map((stored.rooms ?? []).map((room) => [room.id, room.members as string[]]));
  const may: Record<string, (doc: Stored) => boolean> = {
    logs: () => true,
    rooms: (doc) => (doc.members as string[]).includes(userId),
    letters: (doc) => members.get(doc.room as string)?.includes(userId) ?? false,
    notes: (doc) => doc.owner === userId || (doc.readers as string[]).includes(userId),
    vaults: (doc) => vaults === OPEN || doc.owner === userId,
  };
  return Object.fromEntries(COLLECTIONS.map((name) => [name, (stored[name] ?? []).filter((doc) => may[name]?.(doc))]));
}

export async function admin(server: TestServer, method: string, path: string, body?: unknown): Promise<Response> {
  const type = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const init: RequestInit = { method, headers: { authorization: `Bearer ${server.key}`, "content-type": type } };
  if (body !== undefined) init.body = JSON.stringify(body);
  const answer = await fetch(server.url + path, init);
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** A new user, whose session is in the storage from here on. */
export async function signUp(server: TestServer, email: string, storage: KeyValueStorage): Promise<string> {
  const client = createClient({ url: server.url, storage });
  const { user } = await client.auth.signUp({ email, password: "correct horse battery" });
  await client.close();
  return user.id;
}

/** The documents that a device holds, by collection. */
export async function kept(adapter: MemoryAdapter, userId: string): Promise<Record<string, Stored[]>> {
  const found: Record<string, Stored[]> = Object.fromEntries(COLLECTIONS.map((name) => [name, []]));
  for (const [key, value] of await adapter.read(`${userId}/d/`)) {
    const { doc, next } = value as { doc: Stored | null; next?: { doc: Stored | null } };
    const collection = key.split("/")[2] ?? "";
    for (const each of [doc, next?.doc]) if (each) found[collection]?.push(each);
  }
  return found;
}
