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
  readonly #factory: IDBFactory | undefined;
  #database: Promise<IDBDatabase> | undefined;

  constructor(
    readonly name: string,
    factory = globalThis.indexedDB as IDBFactory | undefined,
  ) {
    this.#factory = factory;
  }

  async read(prefix: string): Promise<Array<[string, unknown]>> {
    let rows: IDBRequest<Row[]> | undefined;
    await this.#run("readonly", (store) => {
      rows = store.getAll(below(prefix));
    });
    return (rows?.result ?? []).map((row) => [row.key, row.value]);
  }

  async commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean> {
    let done = !expect;
    await this.#run("readwrite", (store) => {
      const write = () => {
        for (const change of changes) put(store, change);
      };
      if (!expect) write();
      else
        look(store, expect.key, (row) => {
          done = row?.value === expect.value;
          if (done) write();
        });
    });
    return done;
  }

  async clear(prefix: string): Promise<void> {
    await this.#run("readwrite", (store) => store.delete(below(prefix)));
  }

  async close(): Promise<void> {
    const opened = this.#database;
    this.#database = undefined;
    (await opened?.catch(() => undefined))?.close();
  }

  /** Resolves when the transaction has completed, not when its requests have. */
  async #run(mode: IDBTransactionMode, work: (store: IDBObjectStore) => void): Promise<void> {
    this.#database ??= this.#open();
    const database = await this.#database.catch((error) => {
      this.#database = undefined;
      throw error;
    });
    await new Promise<void>((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: "strict" });
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(broken(transaction.error));
      work(transaction.objectStore(STORE));
    });
  }

  #open(): Promise<IDBDatabase> {
    return new Promise((resolve, reject) => {
      const request = this.#factory?.open(this.name, 1);
      if (!request) return reject(broken());
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
      request.onerror = () => reject(broken(request.error));
      request.onsuccess = () => {
        // A later version of the app wants the database, or the browser took it: opened again when it is needed.
        request.result.onversionchange = request.result.onclose = () => this.close();
        resolve(request.result);
      };
    });
  }
}

function put(store: IDBObjectStore, { key, value, at }: StoreChange): void {
  const write = () => (value === undefined ? store.delete(key) : store.put({ key, value, at } satisfies Row));
  if (at === undefined) write();
  else look(store, key, (row) => (row?.at ?? "") <= at && write());
}

function look(store: IDBObjectStore, key: string, then: (row: Row | undefined) => void): void {
  const request = store.get(key) as IDBRequest<Row | undefined>;
  request.onsuccess = () => then(request.result);
}

const below = (prefix: string) => IDBKeyRange.bound(prefix, `${prefix}\uffff`);

function broken(cause?: unknown): BasaltError {
  return new BasaltError({ code: "storage", message: "The device's store can't be used.", cause });
}
