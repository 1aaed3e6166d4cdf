import { BasaltError } from "../errors.js";

/** Where the session is kept: `localStorage`, React Native's AsyncStorage and their like fit as they are. */
export interface KeyValueStorage {
  getItem(key: string): string | null | Promise<string | null>;
  setItem(key: string, value: string): unknown;
  removeItem(key: string): unknown;
}

/** Forgets with the page or process. */
export function memoryStorage(): KeyValueStorage {
  const values = new Map<string, string>();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
  };
}

/** The page's own storage where there is one that may be used (private windows refuse), else memory. */
export function defaultStorage(): KeyValueStorage {
  try {
    const probe = "basalt.probe";
    globalThis.localStorage.setItem(probe, probe);
    globalThis.localStorage.removeItem(probe);
    return globalThis.localStorage;
  } catch {
    return memoryStorage();
  }
}

/** One value under one key. Writes keep their order, also where the storage is asynchronous. */
export class Slot {
  #tail: Promise<void> = Promise.resolve();

  constructor(
    private readonly storage: KeyValueStorage,
    readonly key: string,
  ) {}

  /** Waits for writes that are under way. A storage that fails is an error: nobody is taken for a visitor by mistake. */
  async load(): Promise<string | null> {
    await this.#tail;
    try {
      return await this.storage.getItem(this.key);
    } catch (cause) {
      throw new BasaltError({ code: "storage_failed", message: "The stored session can't be read.", cause });
    }
  }

  /** Null removes it. A full storage doesn't undo what the server has decided: the value then lives in memory only. */
  save(value: string | null): Promise<void> {
    const write = async () => {
      await (value === null ? this.storage.removeItem(this.key) : this.storage.setItem(this.key, value));
    };
    this.#tail = this.#tail.then(write).catch(() => {});
    return this.#tail;
  }
}
