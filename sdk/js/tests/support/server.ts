/**
 * Servers for tests: the binary that BASALT_SERVER names, on a free port and an empty folder; on PostgreSQL in a database
 * of its own in the cluster that BASALT_TEST_POSTGRES names (`tests/cluster COMMAND`).
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SECRET = "a secret of the tests, which nobody else has to know";
const READY_WITHIN = 60_000;

export type Engine = "sqlite" | "postgres";

/** Those that can be tested here. */
export const engines: Engine[] = process.env.BASALT_TEST_POSTGRES ? ["sqlite", "postgres"] : ["sqlite"];

export interface ServerOptions {
  engine?: Engine;
  /** The text of an `app.toml`. */
  app?: string;
  /** Further settings by their environment variables. */
  environment?: Record<string, string>;
}

export class TestServer {
  #process: ChildProcess | null = null;
  /** A service key with all scopes. */
  key = "";

  private constructor(
    readonly url: string,
    readonly folder: string,
    private readonly environment: NodeJS.ProcessEnv,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const folder = await mkdtemp(join(tmpdir(), "basalt-sdk-"));
    await writeFile(join(folder, "app.toml"), options.app ?? "");
    const database = await databaseOf(options.engine ?? "sqlite");
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BASALT_"));
    const environment = { ...Object.fromEntries(kept), ...database.settings, ...options.environment };
    const server = new TestServer(`http://127.0.0.1:${await freePort()}`, folder, environment, database.drop);
    try {
      await server.resume();
      server.key = (await server.run<{ key: string }>("keys", "create", "--scopes", "*")).key;
      return server;
    } catch (error) {
      await server.stop();
      throw error;
    }
  }

  /** Runs it (again) on the same data and port. */
  async resume(): Promise<void> {
    const log = await open(join(this.folder, "server.log"), "a");
    const address = this.url.replace("http://", "");
    const command = ["serve", "--listen", address, "--data", this.#data, "--app", this.folder];
    const child = spawn(binary(), command, {
      cwd: this.folder,
      env: this.environment,
      stdio: ["ignore", log.fd, log.fd],
    });
    this.#process = child;
    await log.close();
    for (const end = Date.now() + READY_WITHIN; ; ) {
      const ready = await fetch(`${this.url}/health/ready`).catch(() => null);
      if (ready?.ok) return;
      if (child.exitCode !== null || Date.now() > end)
        throw new Error(`the server did not start:\n${await this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Without a warning, as a power cut would. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#process;
    this.#process = null;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill(signal);
    await ended;
  }

  async restart(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    await this.kill(signal);
    await this.resume();
  }

  /** Ends it and removes its data. */
  async stop(): Promise<void> {
    await this.kill();
    await this.dropDatabase();
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Another command of the binary on the same data; its JSON answer. */
  async run<T>(...command: string[]): Promise<T> {
    const { stdout } = await run(binary(), [...command, "--data", this.#data, "--json"], { env: this.environment });
    return JSON.parse(stdout);
  }

  log(): Promise<string> {
    return readFile(join(this.folder, "server.log"), "utf8");
  }

  get #data(): string {
    return join(this.folder, "data");
  }
}

export const startServer = TestServer.start;

export function binary(): string {
  const path = process.env.BASALT_SERVER;
  if (!path) throw new Error("BASALT_SERVER has to name the server's binary");
  return path;
}

async function databaseOf(engine: Engine): Promise<{ settings: Record<string, string>; drop: () => Promise<void> }> {
  if (engine === "sqlite") return { settings: {}, drop: async () => {} };
  const cluster = process.env.BASALT_TEST_POSTGRES as string;
  const name = `basalt_sdk_${randomBytes(6).toString("hex")}`;
  await psql(cluster, `create database ${name}`);
  const settings = {
    BASALT_DATABASE_URL: `${cluster.slice(0, cluster.lastIndexOf("/"))}/${name}`,
    BASALT_SECRET: SECRET,
    // Its files lie in its folder.
    BASALT_SINGLE_NODE: "true",
  };
  return { settings, drop: () => psql(cluster, `drop database ${name} with (force)`) };
}

async function psql(url: string, statement: string): Promise<void> {
  await run("psql", ["--no-psqlrc", "--quiet", "--command", statement, url]);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
