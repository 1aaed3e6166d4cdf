/** A server with buckets and no app around it, which can be killed and started again on the same port and data. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { end, freePort } from "../processes.js";

const READY_WITHIN = 60_000;
let places = 0;

/** Where S3 is, at a place of its own; undefined, and a line that says why, where tests/objects has none. */
export function s3(): string | undefined {
  const place = process.env.BASALT_TEST_S3;
  if (place) return place.replace("?", `/browser-${process.pid}-${places++}?`);
  const why = process.env.BASALT_TEST_OBJECTS_LACKING ?? "BASALT_TEST_S3 is not set: run through tests/objects";
  process.stdout.write(`skipped: ${why}\n`);
  return undefined;
}

export class FileServer {
  #process: ChildProcess | null = null;

  private constructor(
    private readonly folder: string,
    private readonly port: number,
    private readonly files: string | undefined,
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** `manifest` is the app's; `files` the place of bytes, or else the data folder. */
  static async open(manifest: string, files?: string): Promise<FileServer> {
    const folder = await mkdtemp(join(tmpdir(), "basalt-files-"));
    await mkdir(join(folder, "app"));
    await writeFile(join(folder, "app", "app.toml"), manifest);
    const server = new FileServer(folder, await freePort(), files);
    try {
      await server.start();
      return server;
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  async start(): Promise<void> {
    const binary = process.env.BASALT_SERVER;
    if (!binary) throw new Error("BASALT_SERVER has to name the server's binary");
    const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BASALT_"));
    const environment = { ...Object.fromEntries(kept), ...(this.files && { BASALT_FILES_URL: this.files }) };
    const log = await open(join(this.folder, "server.log"), "a");
    const words = ["serve", "--listen", `127.0.0.1:${this.port}`, "--data", join(this.folder, "data")];
    this.#process = spawn(binary, [...words, "--app", join(this.folder, "app")], {
      cwd: this.folder,
      env: environment,
      stdio: ["ignore", log.fd, log.fd],
    });
    await log.close();
    for (const limit = Date.now() + READY_WITHIN; ; ) {
      const answer = await fetch(`${this.url}/health/ready`).catch(() => null);
      if (answer?.ok) return;
      if (Date.now() > limit || this.#process.exitCode !== null) {
        throw new Error(`the server did not start:\n${await readFile(join(this.folder, "server.log"), "utf8")}`);
      }
      await new Promise((later) => setTimeout(later, 20));
    }
  }

  /** Without a warning. */
  async kill(): Promise<void> {
    await end(this.#process, "SIGKILL");
    this.#process = null;
  }

  async close(): Promise<void> {
    await end(this.#process, "SIGTERM");
    await rm(this.folder, { recursive: true, force: true });
  }

  /** Signs somebody up; what his requests carry. */
  async person(name: string): Promise<Record<string, string>> {
    const body = JSON.stringify({ email: `${name}@example.com`, password: "a long enough phrase" });
    const headers = { "content-type": "application/json" };
    const answer = await fetch(`${this.url}/v1/auth/signup`, { method: "POST", headers, body });
    const signed = (await answer.json()) as { session: { accessToken: string } };
    return { Authorization: `Bearer ${signed.session.accessToken}` };
  }
}
