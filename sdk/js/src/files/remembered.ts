/** Where uploads go on that a reload interrupted: by their fingerprints, in the client's own storage. */
import type { Inside } from "../inside.js";
import { Slot } from "../storage/storage.js";

interface Entry {
  mark: string;
  id: string;
  /** Milliseconds since 1970; the server forgets it then. */
  expires: number;
}

/** The oldest go first. A storage may be small, and who has more uploads under way begins some of them anew. */
const MOST = 50;
const DAY = 86_400_000;

export class Remembered {
  readonly #slot: Slot;
  #changes: Promise<void> = Promise.resolve();

  constructor(private readonly inside: Pick<Inside, "storage" | "storageKey" | "clock">) {
    this.#slot = new Slot(inside.storage, `${inside.storageKey}.uploads`);
  }

  async find(mark: string): Promise<string | null> {
    await this.#changes;
    return (await this.#load()).find((entry) => entry.mark === mark)?.id ?? null;
  }

  keep(mark: string, id: string, expires: number | null): Promise<void> {
    const entry = { mark, id, expires: expires ?? this.inside.clock.now() + DAY };
    return this.#change((entries) => [...entries.filter((other) => other.mark !== mark), entry].slice(-MOST));
  }

  forget(mark: string): Promise<void> {
    return this.#change((entries) => entries.filter((entry) => entry.mark !== mark));
  }

  #change(change: (entries: Entry[]) => Entry[]): Promise<void> {
    this.#changes = this.#changes.then(async () => {
      const entries = change(await this.#load());
      await this.#slot.save(entries.length > 0 ? JSON.stringify(entries) : null);
    });
    return this.#changes;
  }

  /** What can't be read is no reason not to upload. */
  async #load(): Promise<Entry[]> {
    try {
      const entries: unknown = JSON.parse((await this.#slot.load()) ?? "[]");
      if (!Array.isArray(entries)) return [];
      return entries.filter((entry): entry is Entry => isEntry(entry) && entry.expires > this.inside.clock.now());
    } catch {
      return [];
    }
  }
}

function isEntry(value: Partial<Entry> | null): boolean {
  return (
    typeof value?.mark === "string" &&
    typeof value.id === "string" &&
    /^[A-Za-z0-9_-]+$/.test(value.id) &&
    typeof value.expires === "number"
  );
}
