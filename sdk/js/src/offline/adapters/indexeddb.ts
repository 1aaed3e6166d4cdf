import { BasaltError } from "../../errors.js";
import type { Adapter, StoreChange } from "../types.js";

const STORE = "entries";

interface Row {
  key: string;
  value: unknown;
  at?: string | undefined;
}

/** One object store of rows; a commit is one `readwrite` transaction, which browsers run one after the other. */
export class IndexedDbAdapter implements Adapter {
  #database: Promise<IDBDatabase> | undefined;

  readonly #factory: IDBFactory | undefined;

  constructor(
    readonly name: string,
    factory: IDBFactory | undefined = globalThis.indexedDB,
  ) {
    this.#factory = factory;
  }

  async read(prefix: string): Promise<Array<[string, unknown]>> {
    const rows = await this.#run<Row[]>("readonly", (store, give) => {
      const request = store.getAll(below(prefix));
      request.onsuccess = () => give(request.result);
    });
    return rows.map((row) => [row.key, row.value]);
  }

  commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean> {
    return this.#run<boolean>("readwrite", (store, give) => {
      const write = () => {
        for (const change of changes) put(store, change);
        give(true);
      };
      if (!expect) return write();
      const held = store.get(expect.key) as IDBRequest<Row | undefined>;
      held.onsuccess = () => (held.result?.value === expect.value ? write() : give(false));
    });
  }

  clear(prefix: string): Promise<void> {
    return this.#run<void>("readwrite", (store, give) => {
      store.delete(below(prefix));
      give();
    });
  }

  async close(): Promise<void> {
    const opened = this.#database;
    this.#database = undefined;
    (await opened?.catch(() => undefined))?.close();
  }

  /** Resolves when the transaction has completed, not when its requests have. */
  async #run<T>(mode: IDBTransactionMode, work: (store: IDBObjectStore, give: (value: T) => void) => void): Promise<T> {
    this.#database ??= this.#open();
    const database = await this.#database.catch((error) => {
      this.#database = undefined;
      throw error;
    });
    return new Promise<T>((resolve, reject) => {
      let given: T;
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      transaction.oncomplete = () => resolve(given);
      transaction.onabort = () => reject(broken(transaction.error));
      work(transaction.objectStore(STORE), (value) => {
        given = value;
      });
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      if (!this.#factory) return reject(broken(new Error("There is no IndexedDB here.")));
      const request = this.#factory.open(this.name, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
      request.onerror = () => reject(broken(request.error));
      request.onsuccess = () => {
        // A later version of the app wants the database: this tab opens it again when it needs it.
        request.result.onversionchange = () => this.close();
        request.result.onclose = () => {
          this.#database = undefined;
        };
        resolve(request.result);
      };
    });
  }
}

function put(store: IDBObjectStore, { key, value, at }: StoreChange): void {
  const write = () => (value === undefined ? store.delete(key) : store.put({ key, value, at } satisfies Row));
  if (at === undefined) {
    write();
    return;
  }
  const held = store.get(key) as IDBRequest<Row | undefined>;
  held.onsuccess = () => {
    if ((held.result?.at ?? "") <= at) write();
  };
}

const below = (prefix: string) => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

function broken(cause: unknown): BasaltError {
  return new BasaltError({ code: "storage", message: "The store of this device can't be used.", cause });
}
