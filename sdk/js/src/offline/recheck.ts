/** Documents that one result lost and others claim: is each still to be read? */
import type { DocumentSource } from "../documents/types.js";
import type { Cache } from "./cache.js";
import { isUnreadable } from "./send.js";
import type { Store } from "./store.js";

export class Recheck {
  readonly #waiting = new Map<string, [collection: string, id: string]>();
  readonly #online: Pick<DocumentSource, "get">;
  readonly #store: Store;
  readonly #cache: Cache;
  #running: Promise<void> | undefined;

  constructor(online: Pick<DocumentSource, "get">, store: Store, cache: Cache) {
    this.#online = online;
    this.#store = store;
    this.#cache = cache;
  }

  add(collection: string, id: string): void {
    this.#waiting.set(`${collection}/${id}`, [collection, id]);
    // What can't be asked now is asked when the server is back.
    this.run().catch(() => undefined);
  }

  /** Resolves when all are asked; rejects where the server can't be reached. */
  async run(): Promise<void> {
    // Who comes when the last one was just asked begins anew.
    while (this.#waiting.size) {
      this.#running ??= this.#all().finally(() => {
        this.#running = undefined;
      });
      await this.#running;
    }
  }

  async #all(): Promise<void> {
    for (const [key, [collection, id]] of this.#waiting) {
      // The answer is at least as new as what was known when it was asked for.
      const at = this.#store.known;
      try {
        this.#cache.observe(collection, id, await this.#online.get(collection, id), at);
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        this.#cache.purge(collection, id, at);
      }
      this.#waiting.delete(key);
    }
  }
}
