/** What a browser needs to find: a server with an app's rules, and the app itself as it is built. */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdtemp, open, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const ROOT = resolve(fileURLToPath(new URL("../..", import.meta.url)));
const READY_WITHIN = 120_000;

/** A server (and more) for one of the examples. */
export class Stage {
  #server: ChildProcess | null = null;
  #app: ChildProcess | null = null;

  private constructor(
    private readonly folder: string,
    private readonly example: string,
    private readonly server: string,
    /** Where the app is. */
    readonly url: string,
  ) {}

  /** Builds the example and serves it, on a server of its own with an empty database. */
  static async open(name: string): Promise<Stage> {
    const example = join(ROOT, "examples", name);
    const folder = await mkdtemp(join(tmpdir(), "basalt-browser-"));
    const [server, app] = [await freePort(), await freePort()];
    const stage = new Stage(folder, example, `http://127.0.0.1:${server}`, `http://localhost:${app}`);
    try {
      // The test runner says "test" here, and a build for that is another one.
      await run("npm", ["run", "build"], { cwd: example, env: { ...process.env, NODE_ENV: "production" } });
      await stage.startServer();
      await stage.#startApp(app);
      return stage;
    } catch (error) {
      await stage.close();
      throw error;
    }
  }

  async startServer(): Promise<void> {
    const binary = process.env.BASALT_SERVER;
    if (!binary) throw new Error("BASALT_SERVER has to name the server's binary");
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BASALT_"));
    const listen = this.server.replace("http://", "");
    const command = ["serve", "--listen", listen, "--data", join(this.folder, "data"), "--app", this.example];
    this.#server = await this.#spawn("server", binary, command, Object.fromEntries(kept));
    await this.#until("server", `${this.server}/health/ready`);
  }

  /** Without a warning. */
  async killServer(): Promise<void> {
    await end(this.#server, "SIGKILL");
    this.#server = null;
  }

  async close(): Promise<void> {
    await Promise.all([end(this.#server, "SIGTERM"), end(this.#app, "SIGTERM")]);
    await rm(this.folder, { recursive: true, force: true });
  }

  async #startApp(port: number): Promise<void> {
    const vite = join(this.example, "node_modules/vite/bin/vite.js");
    const command = [vite, "preview", "--host", "localhost", "--port", String(port), "--strictPort"];
    const environment = { ...process.env, BASALT_URL: this.server };
    this.#app = await this.#spawn("app", process.execPath, command, environment);
    await this.#until("app", this.url);
  }

  async #spawn(name: string, command: string, words: string[], env: NodeJS.ProcessEnv): Promise<ChildProcess> {
    const log = await open(join(this.folder, `${name}.log`), "a");
    const cwd = name === "app" ? this.example : this.folder;
    const child = spawn(command, words, { cwd, env, stdio: ["ignore", log.fd, log.fd] });
    await log.close();
    return child;
  }

  async #until(name: string, url: string): Promise<void> {
    for (const end = Date.now() + READY_WITHIN; ; ) {
      const answer = await fetch(url).catch(() => null);
      if (answer?.ok) return;
      if (Date.now() > end) {
        throw new Error(`the ${name} did not start:\n${await readFile(join(this.folder, `${name}.log`), "utf8")}`);
      }
      await new Promise((later) => setTimeout(later, 50));
    }
  }
}

export async function end(child: ChildProcess | null, signal: NodeJS.Signals): Promise<void> {
  if (!child || child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once("exit", resolve));
  child.kill(signal);
  await ended;
}

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
