import { badArgument } from "../../errors.js";
import type { Adapter, StoreChange } from "../types.js";

/** One statement with its values, as every SQLite library of React Native, Capacitor or Node can run it. */
export interface SqliteDriver {
  /** Rows of a SELECT as objects; what others give doesn't matter. */
  execute(sql: string, values: Array<string | null>): Promise<Array<Record<string, unknown>>>;
  /** Where `execute` doesn't always use one connection: runs `work` with one, in one transaction. */
  transaction?<T>(work: (execute: SqliteDriver["execute"]) => Promise<T>): Promise<T>;
}

const PUT = `INSERT INTO basalt_entries (key, value, at) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
  SET value = excluded.value, at = excluded.at`;
const NOT_LATER = "(excluded.at IS NULL OR basalt_entries.at IS NULL OR basalt_entries.at <= excluded.at)";

export class SqliteAdapter implements Adapter {
  #ready: Promise<unknown> | undefined;
  #last: Promise<unknown> = Promise.resolve();

  readonly #driver: SqliteDriver;

  constructor(
    readonly name: string,
    driver: SqliteDriver,
  ) {
    this.#driver = driver;
    if (typeof driver.execute !== "function") throw badArgument("sqlite() needs `execute(sql, values)`.");
  }

  read(prefix: string): Promise<Array<[string, unknown]>> {
    return this.#alone(async (execute) => {
      const sql = "SELECT key, value FROM basalt_entries WHERE key >= ? AND key < ? ORDER BY key";
      const rows = await execute(sql, [prefix, `${prefix}\uffff`]);
      return rows.map((row) => [String(row.key), JSON.parse(String(row.value))]);
    });
  }

  commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean> {
    return this.#alone(async (execute) => {
      if (expect) {
        const [row] = await execute("SELECT value FROM basalt_entries WHERE key = ?", [expect.key]);
        if ((row ? JSON.parse(String(row.value)) : undefined) !== expect.value) return false;
      }
      for (const { key, value, at = null } of changes) {
        if (value !== undefined) await execute(`${PUT} WHERE ${NOT_LATER}`, [key, JSON.stringify(value), at]);
        else
          await execute("DELETE FROM basalt_entries WHERE key = ? AND (? IS NULL OR at IS NULL OR at <= ?)", [
            key,
            at,
            at,
          ]);
      }
      return true;
    });
  }

  clear(prefix: string): Promise<void> {
    return this.#alone(async (execute) => {
      await execute("DELETE FROM basalt_entries WHERE key >= ? AND key < ?", [prefix, `${prefix}\uffff`]);
    });
  }

  /** One transaction after the other: a connection has one at a time. */
  #alone<T>(work: (execute: SqliteDriver["execute"]) => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      this.#ready ??= this.#driver.execute(
        "CREATE TABLE IF NOT EXISTS basalt_entries (key TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT) WITHOUT ROWID",
        [],
      );
      await this.#ready.catch((error) => {
        this.#ready = undefined;
        throw error;
      });
      return this.#driver.transaction ? this.#driver.transaction(work) : this.#transaction(work);
    });
    this.#last = next.catch(() => undefined);
    return next;
  }

  async #transaction<T>(work: (execute: SqliteDriver["execute"]) => Promise<T>): Promise<T> {
    const execute: SqliteDriver["execute"] = (sql, values) => this.#driver.execute(sql, values);
    await execute("BEGIN IMMEDIATE", []);
    try {
      const result = await work(execute);
      await execute("COMMIT", []);
      return result;
    } catch (error) {
      await execute("ROLLBACK", []);
      throw error;
    }
  }
}
