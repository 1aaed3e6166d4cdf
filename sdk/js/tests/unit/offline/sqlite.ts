/** A real SQLite for the adapter: Python's, over its standard streams; Node 20 has none of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { SqliteDriver } from "../../../src/offline/index.js";

const PROGRAM = `
import json, sqlite3, sys
db = sqlite3.connect(":memory:", isolation_level=None)
db.row_factory = sqlite3.Row
for line in sys.stdin:
    sql, values = json.loads(line)
    try:
        answer = {"rows": [dict(row) for row in db.execute(sql, values).fetchall()]}
    except sqlite3.Error as error:
        answer = {"error": str(error)}
    print(json.dumps(answer), flush=True)
`;

export class PythonSqlite implements SqliteDriver {
  readonly #process: ChildProcess;
  readonly #waiting: { resolve(rows: Record<string, unknown>[]): void; reject(error: Error): void }[] = [];

  constructor() {
    this.#process = spawn("python3", ["-c", PROGRAM], { stdio: ["pipe", "pipe", "inherit"] });
    createInterface({ input: this.#process.stdout as NodeJS.ReadableStream }).on("line", (line) => {
      const { rows, error } = JSON.parse(line);
      const next = this.#waiting.shift();
      if (error) next?.reject(new Error(error));
      else next?.resolve(rows);
    });
  }

  execute = (sql: string, values: Array<string | null>): Promise<Record<string, unknown>[]> =>
    new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#process.stdin?.write(`${JSON.stringify([sql, values])}\n`);
    });

  stop(): void {
    this.#process.kill();
  }
}
