import { type Client, createClient } from "../../../src/index.js";
import type { TestServer } from "../../support/server.js";

/** Notes of their owners, who may show them to members; and a stock that anybody who is signed in takes from. */
export const NOTES = `
[collections.notes]
search = ["title"]
history = true
references = { owner = "users" }
[collections.notes.rules]
read = "auth.id == doc.owner || auth.id in doc.members"
create = "auth.id == next.owner"
update = "auth.id == doc.owner && unchanged('owner')"
delete = "auth.id == doc.owner"

[collections.stock.rules]
read = "true"
write = "auth != null"

[collections.letters.rules]
read = "auth.id == doc.to"
create = "auth != null"

[collections.places]
indexes = [{ geo = "at" }]
vectors = { taste = 3 }
[collections.places.rules]
read = "true"
create = "auth != null"

[collections.users.rules]
get = "auth.id == doc.id"
update = "auth.id == doc.id"

[auth]
anonymous = true
[auth.limits]
signUpsPerHour = 10000
triesOfNetwork = 10000
`;

export interface Note {
  title: string;
  owner: string;
  n: number;
  status?: string;
  tags?: string[];
  members?: string[];
  meta?: { pinned?: boolean; color?: string };
  gone?: null;
  due?: string;
  "foo-bar"?: string;
  in?: number;
}

export interface Notes {
  notes: Note;
  stock: { left: number };
  places: { name: string; at: { lat: number; lng: number }; taste: number[] };
  letters: { to: string; text: string };
  users: { displayName?: string; color?: string };
}

export const PASSWORD = "correct horse battery";

/** A new user's client; its session lives in memory. */
export async function signedUp(server: TestServer, email: string): Promise<Client<Notes>> {
  const client = createClient<Notes>({ url: server.url });
  await client.auth.signUp({ email, password: PASSWORD });
  return client;
}
