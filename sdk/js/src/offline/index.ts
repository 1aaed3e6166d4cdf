/**
 * `@basalt/client/offline`: reads and live queries from a cache on the device, writes kept in an outbox until the server
 * has taken them. Give one of these to `createClient({ persistence })`.
 */
import { IndexedDbAdapter } from "./adapters/indexeddb.js";
import { MemoryAdapter } from "./adapters/memory.js";
import { SqliteAdapter, type SqliteDriver } from "./adapters/sqlite.js";
import { checked } from "./options.js";
import { Sessions } from "./sessions.js";
import { OfflineSource } from "./source.js";
import type { Adapter, OfflineOptions, Persistence } from "./types.js";

export type { SqliteDriver } from "./adapters/sqlite.js";
export type * from "./types.js";

let stores = 0;

/** In the browser: a database that all tabs of the page's origin share. */
export function indexedDb(options: OfflineOptions & { name?: string; indexedDB?: IDBFactory } = {}): Persistence {
  return persistence((name) => new IndexedDbAdapter(options.name ?? name, options.indexedDB), options);
}

/** For tests, and to be offline-capable as long as the process lives. Clients that are given the same one share it. */
export function memory(options: OfflineOptions & { name?: string } = {}): Persistence {
  stores += 1;
  const adapter = new MemoryAdapter(options.name ?? `memory-${stores}`);
  return persistence(() => adapter, options);
}

/** React Native, Capacitor, Node: any SQLite that runs a statement. */
export function sqlite(options: OfflineOptions & SqliteDriver & { name?: string }): Persistence {
  return persistence((name) => new SqliteAdapter(options.name ?? name, options), options);
}

/** A store of your own. */
export function persistence(adapter: Adapter | ((name: string) => Adapter), options: OfflineOptions = {}): Persistence {
  const settings = checked(options);
  return {
    attach(online, context) {
      const store = typeof adapter === "function" ? adapter(`basalt:${context.url}:${context.storageKey}`) : adapter;
      return new OfflineSource(online, new Sessions(store, settings, online, context));
    },
  };
}
