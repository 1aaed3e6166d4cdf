/** Documents that one result lost and others claim: is each still to be read? */
import type { DocumentSource } from "../documents/types.js";
import type { Cache } from "./cache.js";
import { isUnreadable } from "./send.js";
import type { Store } from "./store.js";

const AT_A_TIME = 4;

export class Recheck {
  readonly #waiting = new Map<string, [collection: string, id: string]>();
  #running: Promise<void> | undefined;

  readonly #online: Pick<DocumentSource, "get">;
  readonly #store: Store;
  readonly #cache: Cache;

  constructor(online: Pick<DocumentSource, "get">, store: Store, cache: Cache) {
    this.#online = online;
    this.#store = store;
    this.#cache = cache;
  }

  add(collection: string, id: string): void {
    this.#waiting.set(`${collection}/${id}`, [collection, id]);
    // What can't be asked now is asked when the server is back.
    void this.run().catch(() => undefined);
  }

  /** Resolves when all are asked; rejects where the server can't be reached. */
  run(): Promise<void> {
    // Whoever comes when the last one was just asked begins anew.
    this.#running ??= this.#all().finally(() => {
      this.#running = undefined;
    });
    return this.#waiting.size ? this.#running.then(() => this.run()) : this.#running;
  }

  async #all(): Promise<void> {
    const next = async (): Promise<void> => {
      for (let [first] = this.#waiting; first; [first] = this.#waiting) {
        const [key, at] = first;
        this.#waiting.delete(key);
        await this.#ask(...at).catch((error) => {
          this.#waiting.set(key, at);
          throw error;
        });
      }
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, next));
  }

  async #ask(collection: string, id: string): Promise<void> {
    // The answer is at least as new as what was known when it was asked for.
    const at = this.#store.known;
    try {
      this.#cache.observe(collection, id, await this.#online.get(collection, id), at);
    } catch (error) {
      if (!isUnreadable(error)) throw error;
      this.#cache.purge(collection, id, at);
    }
  }
}
