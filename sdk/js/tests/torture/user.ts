/** One user who writes at random: online and offline, closing the app and opening it again. */
import type { KeyValueStorage, LiveResult } from "../../src/index.js";
import { MemoryAdapter } from "../../src/offline/adapters/memory.js";
import { persistence } from "../../src/offline/index.js";
import type { Clock } from "../../src/transport/types.js";
import { Device, type Way } from "../server/offline/device.js";
import { chance, Network } from "../server/offline/network.js";
import type { TestServer } from "../support/server.js";
import { COLLECTIONS, type Log, type Schema } from "./world.js";

/** A write that the app was told is safe. */
export interface Acknowledged {
  tag: string;
  collection: "logs" | "letters";
  id: string;
}

export class User {
  readonly adapter: MemoryAdapter;
  readonly network: Network;
  readonly acknowledged: Acknowledged[] = [];
  /** Notes that it made and hasn't deleted; and those that it has. */
  readonly notes = new Set<string>();
  readonly deleted = new Set<string>();
  readonly shown: Record<string, LiveResult<object>> = {};
  readonly #random: () => number;
  #device: Device<Schema> | undefined;
  #n = 0;

  constructor(
    private readonly server: TestServer,
    readonly email: string,
    readonly userId: string,
    private readonly storage: KeyValueStorage,
    private readonly way: Way,
    seed: number,
    private readonly targets: { logs: string[]; letters: string[] },
  ) {
    this.adapter = new MemoryAdapter(`torture-${email}`);
    this.#random = chance(seed);
    this.network = new Network(chance(seed + 1));
  }

  get device(): Device<Schema> {
    if (!this.#device) throw new Error("the app is closed");
    return this.#device;
  }

  open(): void {
    const { server, way, network, storage } = this;
    const options = { url: server.url, way, network, storage, clock: hasty, retries: 1 };
    this.#device = new Device<Schema>({ ...options, persistence: persistence(this.adapter) });
    const { client } = this.#device;
    for (const name of COLLECTIONS) {
      client.collection(name).subscribe((result) => {
        this.shown[name] = result;
      });
    }
  }

  async close(): Promise<void> {
    await this.#device?.client.close();
    this.#device = undefined;
  }

  async write(count: number): Promise<void> {
    for (let step = 0; step < count; step++) {
      await this.#mood();
      await this.#step();
      if (this.#random() < 0.2) await hasty.sleep(this.#random() * 200);
    }
  }

  /** Sends what waits over the bad network, as far as that goes. */
  async send(): Promise<void> {
    this.device.reconnect();
    await this.#synced();
  }

  /** Takes note of what was refused, and is up to date. */
  async settle(): Promise<Set<string>> {
    this.network.faults = { lost: 0, twice: 0 };
    await this.#synced();
    const refused = await this.device.offline.pending();
    for (const { id } of refused) await this.device.offline.discard(id);
    return new Set(refused.flatMap(({ mutation }) => JSON.stringify(mutation).match(/w\d+-\d+/g) ?? []));
  }

  async #synced(): Promise<void> {
    // As long as something gets through.
    for (let [tries, sent] = [0, 0]; ; tries++) {
      try {
        return await this.device.offline.sync();
      } catch (error) {
        if (this.network.counts.sent > sent) tries = 0;
        sent = this.network.counts.sent;
        if (tries > 300) throw error;
        await hasty.sleep(500);
      }
    }
  }

  async #mood(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.03) this.device.cut();
    else if (dice < 0.1) this.device.reconnect();
    else if (dice < 0.105) {
      // Offline, too.
      await this.close();
      this.open();
    }
  }

  async #step(): Promise<void> {
    const dice = this.#random();
    if (dice < 0.6) await this.#append("logs");
    else if (dice < 0.8) await this.#append("letters");
    else if (dice < 0.9 || this.notes.size === 0) await this.#note();
    else {
      const id = this.#pick([...this.notes]);
      const notes = this.device.client.collection("notes");
      if (this.#random() < 0.5) await notes.update(id, { n: { $increment: 1 } });
      else {
        await notes.delete(id);
        this.notes.delete(id);
        this.deleted.add(id);
      }
    }
  }

  async #append(collection: "logs" | "letters"): Promise<void> {
    const id = this.#pick(this.targets[collection]);
    this.#n += 1;
    const tag = `w${this.email.match(/\d+/)?.[0]}-${this.#n}`;
    const patch = { entries: { $append: [tag] }, count: { $increment: 1 } };
    const logs = this.device.client.collection<"logs">(collection as "logs");
    await logs.update(id, patch as Parameters<typeof logs.update>[1]);
    this.acknowledged.push({ tag, collection, id });
  }

  async #note(): Promise<void> {
    const made = await this.device.client.collection("notes").create({ owner: this.userId, readers: [], n: 0 });
    this.notes.add(made.id);
  }

  #pick(ids: string[]): string {
    return ids[Math.floor(this.#random() * ids.length)] as string;
  }
}

export type { Log };

/** Waits are ten times shorter than in life. */
const hasty: Clock = {
  now: () => Date.now(),
  random: Math.random,
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const stop = () => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, milliseconds / 10);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};
