import { badArgument } from "../../errors.js";
import type { Adapter, StoreChange } from "../types.js";

/** One statement with its values, as every SQLite library of React Native, Capacitor or Node can run it. */
export interface SqliteDriver {
  /** Rows of a SELECT as objects; what others give doesn't matter. All on one connection. */
  execute(sql: string, values: Array<string | null>): Promise<Array<Record<string, unknown>>>;
}

const TABLE = "basalt_entries";
const BELOW = `FROM ${TABLE} WHERE key >= ? AND key < ?`;
const PUT = `INSERT INTO ${TABLE} (key, at, value) VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE
SET value = excluded.value, at = excluded.at WHERE excluded.at IS NULL OR ${TABLE}.at IS NULL OR ${TABLE}.at <= excluded.at`;
const DELETE = `DELETE FROM ${TABLE} WHERE key = ?1 AND (?2 IS NULL OR at IS NULL OR at <= ?2)`;

export class SqliteAdapter implements Adapter {
  readonly #execute: SqliteDriver["execute"];
  #last: Promise<unknown>;

  constructor(
    readonly name: string,
    driver: SqliteDriver,
  ) {
    if (typeof driver.execute !== "function") throw badArgument("sqlite() needs `execute(sql, values)`.");
    this.#execute = (sql, values) => driver.execute(sql, values);
    this.#last = Promise.resolve();
  }

  read(prefix: string): Promise<Array<[string, unknown]>> {
    return this.#alone(async () => {
      const rows = await this.#execute(`SELECT key, value ${BELOW} ORDER BY key`, [prefix, `${prefix}\uffff`]);
      return rows.map((row) => [String(row.key), JSON.parse(String(row.value))]);
    });
  }

  commit(changes: StoreChange[], expect?: { key: string; value: string | undefined }): Promise<boolean> {
    return this.#alone(async () => {
      if (expect) {
        const [row] = await this.#execute(`SELECT value FROM ${TABLE} WHERE key = ?`, [expect.key]);
        if ((row ? JSON.parse(String(row.value)) : undefined) !== expect.value) return false;
      }
      for (const { key, value, at = null } of changes) {
        if (value === undefined) await this.#execute(DELETE, [key, at]);
        else await this.#execute(PUT, [key, at, JSON.stringify(value)]);
      }
      return true;
    });
  }

  async clear(prefix: string): Promise<void> {
    await this.#alone(() => this.#execute(`DELETE ${BELOW}`, [prefix, `${prefix}\uffff`]));
  }

  /** One transaction after the other: a connection has one at a time. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const next = this.#last.then(async () => {
      await this.#execute(
        `CREATE TABLE IF NOT EXISTS ${TABLE} (key TEXT PRIMARY KEY, value TEXT NOT NULL, at TEXT) WITHOUT ROWID`,
        [],
      );
      await this.#execute("BEGIN IMMEDIATE", []);
      try {
        const result = await work();
        await this.#execute("COMMIT", []);
        return result;
      } catch (error) {
        await this.#execute("ROLLBACK", []);
        throw error;
      }
    });
    this.#last = next.catch(() => undefined);
    return next;
  }
}
