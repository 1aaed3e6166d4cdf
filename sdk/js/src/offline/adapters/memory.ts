import type { Adapter, StoreChange } from "../types.js";

/** Entries of a store in memory; several clients may share one, as tabs share a database. */
export class MemoryAdapter implements Adapter {
  readonly #entries = new Map<string, { text: string; at: string | undefined }>();

  constructor(readonly name: string) {}

  async read(prefix: string): Promise<Array<[string, unknown]>> {
    const keys = [...this.#entries.keys()].filter((key) => key.startsWith(prefix)).sort();
    return keys.map((key) => [key, JSON.parse(this.#entries.get(key)?.text ?? "null")]);
  }

  async commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean> {
    if (expect) {
      const held = this.#entries.get(expect.key)?.text;
      if ((held === undefined ? undefined : JSON.parse(held)) !== expect.value) return false;
    }
    for (const { key, value, at } of changes) {
      const held = this.#entries.get(key)?.at;
      if (at !== undefined && held !== undefined && held > at) continue;
      if (value === undefined) this.#entries.delete(key);
      // As texts, so that nothing is shared with who gave it.
      else this.#entries.set(key, { text: JSON.stringify(value), at });
    }
    return true;
  }

  async clear(prefix: string): Promise<void> {
    for (const key of [...this.#entries.keys()]) if (key.startsWith(prefix)) this.#entries.delete(key);
  }
}
