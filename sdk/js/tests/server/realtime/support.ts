import WebSocket from "ws";
import type { BasaltError } from "../../../src/errors.js";
import { type Client, type ClientOptions, createClient, memoryStorage } from "../../../src/index.js";
import type { LiveResult } from "../../../src/realtime/live.js";
import type { WebSocketConstructor } from "../../../src/realtime/types.js";
import { type Engine, engines, startServer, type TestServer } from "../../support/server.js";

export const WAYS = ["websocket", "sse"] as const;
export type Way = (typeof WAYS)[number];

/** Every suite runs on each engine, over each kind of connection. */
export const COMBINATIONS: [Engine, Way][] = engines.flatMap((engine) =>
  WAYS.map((way): [Engine, Way] => [engine, way]),
);

export const APP = `
[collections.notes]
[collections.notes.rules]
read = "auth.id == doc.owner || auth.id in doc.members"
create = "auth.id == next.owner"
update = "auth.id == doc.owner && unchanged('owner')"
delete = "auth.id == doc.owner"

[collections.open]
acknowledge = ["create", "update", "delete"]
[collections.open.rules]
read = "true"
write = "true"

[collections.rooms]

[channels."room:{room}".rules]
join = "auth.id in get('rooms', params.room).members"
publish = "auth.id in get('rooms', params.room).members && event != 'secret'"

[channels.news.rules]
join = "true"
publish = "auth != null"
`;

export interface Schema {
  notes: { owner: string; members?: string[]; n?: number };
  open: { n: number; text?: string };
  rooms: { members: string[] };
}

export class Place {
  readonly clients: Client<Schema>[] = [];

  private constructor(
    readonly server: TestServer,
    readonly way: Way,
  ) {}

  static async open(engine: Engine, way: Way, app = APP): Promise<Place> {
    return new Place(await startServer({ engine, app }), way);
  }

  client(options: Partial<ClientOptions> = {}): Client<Schema> {
    const socket = this.way === "websocket" ? (WebSocket as unknown as WebSocketConstructor) : null;
    const client = createClient<Schema>({
      url: this.server.url,
      storage: memoryStorage(),
      WebSocket: socket,
      ...options,
    });
    this.clients.push(client);
    return client;
  }

  async user(name: string, options: Partial<ClientOptions> = {}): Promise<{ client: Client<Schema>; id: string }> {
    const client = this.client(options);
    const email = `${name}-${Math.random().toString(36).slice(2)}@example.com`;
    const { user } = await client.auth.signUp({ email, password: "a long enough phrase" });
    return { client, id: user.id };
  }

  async admin(method: string, path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${this.server.key}`, "content-type": "application/json" };
    const answer = await fetch(this.server.url + path, { method, headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  }

  async close(): Promise<void> {
    await Promise.all(this.clients.map((client) => client.close()));
    await this.server.stop();
  }
}

/** What came so far, and a promise of what is yet to come. */
export class Inbox<T> {
  readonly all: T[] = [];
  readonly #waiting = new Set<() => void>();

  readonly push = (item: T): void => {
    this.all.push(item);
    for (const look of [...this.#waiting]) look();
  };

  /** The first that fits, of what came or comes. */
  async until(fits: (item: T) => boolean, what = "it"): Promise<T> {
    const find = () => this.all.find(fits);
    return new Promise((resolve, reject) => {
      // Time in which this process stood still, on a busy machine, doesn't count.
      let ticks = 0;
      const patience = setInterval(() => {
        ticks += 1;
        if (ticks < 100) return;
        clearInterval(patience);
        this.#waiting.delete(look);
        reject(new Error(`${what} did not come; there was ${JSON.stringify(this.all.slice(-3))}`));
      }, 250);
      const look = () => {
        const found = find();
        if (found === undefined) return;
        clearInterval(patience);
        this.#waiting.delete(look);
        resolve(found);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

export class LiveInbox<T> extends Inbox<LiveResult<T>> {
  readonly errors = new Inbox<BasaltError>();

  get ids(): string[] {
    return this.all.at(-1)?.documents.map(({ id }) => id) ?? [];
  }

  /** Until the result, as it is or comes to be, is this. */
  untilIds(...ids: string[]): Promise<LiveResult<T>> {
    return this.untilNow(({ documents }) => documents.map(({ id }) => id).join() === ids.join(), ids.join());
  }

  /** The latest result counts, not an earlier one. */
  untilNow(fits: (result: LiveResult<T>) => boolean, what?: string): Promise<LiveResult<T>> {
    return this.until((result) => result === this.all.at(-1) && fits(result), what);
  }
}

export function watch<T>(query: {
  subscribe(callback: (result: LiveResult<T>) => void, onError?: (error: BasaltError) => void): () => void;
}): LiveInbox<T> {
  const inbox = new LiveInbox<T>();
  query.subscribe(inbox.push, inbox.errors.push);
  return inbox;
}
