import { execFile, spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { definitions } from "./definitions.mjs";

const READY_WITHIN = 60_000;

/**
 * What the app.toml of a folder declares, as the server itself reads it: on a data folder of its own, which is removed
 * again. So there is one reader of manifests, and its faults have line and column.
 */
export async function declared(folder, binary) {
  const data = await mkdtemp(join(tmpdir(), "basalt-types-"));
  const url = `http://127.0.0.1:${await freePort()}`;
  const command = [
    "serve",
    "--listen",
    url.slice("http://".length),
    "--data",
    join(data, "data"),
    "--app",
    resolve(folder),
  ];
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BASALT"));
  const env = Object.fromEntries(kept);
  const server = spawn(binary, command, { cwd: data, env, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise((done) => server.once("close", done));
  try {
    await ready(server, url, binary);
    const keys = ["keys", "create", "--scopes", "admin", "--data", join(data, "data"), "--json"];
    const { stdout } = await promisify(execFile)(binary, keys, { cwd: data, env });
    return await definitions(url, JSON.parse(stdout).key);
  } finally {
    server.kill("SIGKILL");
    await ended;
    await rm(data, { recursive: true, force: true });
  }
}

async function ready(server, url, binary) {
  let said = "";
  let failure = null;
  for (const stream of [server.stdout, server.stderr]) {
    stream.on("data", (piece) => {
      said = (said + piece).slice(-4_000);
    });
  }
  server.once("error", (error) => {
    failure = new Error(`${binary} can't be run (${error.code}): name the server's binary in BASALT.`);
  });
  for (const end = Date.now() + READY_WITHIN; ; ) {
    const answer = await fetch(`${url}/health/ready`).catch(() => null);
    if (answer?.ok) return;
    if (failure) throw failure;
    if (server.exitCode !== null || Date.now() > end) throw new Error(`the server did not start:\n${said.trim()}`);
    await new Promise((later) => setTimeout(later, 20));
  }
}

function freePort() {
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => done(port));
    });
  });
}
