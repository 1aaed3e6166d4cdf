import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createAdmin } from "../../../src/admin/index.js";
import { binary, startServer, type TestServer } from "../../support/server.js";

const SCRIPT = fileURLToPath(new URL("../../../bin/types.mjs", import.meta.url));
const APP = `
[collections.notes]
schema = { type = "object", properties = { title = { type = "string" }, n = { type = "integer" } }, required = ["title"] }
[collections.notes.rules]
read = "true"
`;

let server: TestServer;
beforeAll(async () => {
  server = await startServer({ app: APP });
});
afterAll(() => server.stop());

async function types(environment: Record<string, string>, ...more: string[]): Promise<string> {
  return typesIn(process.cwd(), environment, ...more);
}

async function typesIn(cwd: string, environment: Record<string, string>, ...more: string[]): Promise<string> {
  const env = { ...process.env, ...environment };
  return (await promisify(execFile)(process.execPath, [SCRIPT, ...more], { cwd, env })).stdout;
}

it("types come from a running server and from what its manifest declares, alike", async () => {
  const live = await types({ BASALT_KEY: server.key }, "--url", server.url);
  expect(live).toContain("export interface Notes {\n  n?: number;\n  title: string;\n}");
  expect(await types({ BASALT: binary() }, "--app", server.folder)).toBe(live);
});

it("in an app's folder functions have the types of their code, whoever writes them", async () => {
  const code =
    'import { callable } from "basalt:functions";\nexport const add = callable(async (n: number) => n + 1);\n';
  await mkdir(join(server.folder, "functions"));
  await writeFile(join(server.folder, "functions/add.ts"), code);
  await createAdmin({ url: server.url, key: server.key }).functions.deploy({ files: { "functions/add.ts": code } });
  const live = await typesIn(server.folder, { BASALT_KEY: server.key }, "--url", server.url);
  expect(live).toContain('add: { input: InputOf<typeof import("./functions/add.ts").add>; output: OutputOf<');
  expect(await typesIn(server.folder, { BASALT: binary() }, "--app", ".")).toBe(live);
  const elsewhere = await types({ BASALT_KEY: server.key }, "--url", server.url);
  expect(elsewhere).toContain("add: { input: Json; output: Json };");
});

it("a file is written once, and checked", async () => {
  const out = join(server.folder, "schema.ts");
  const run = (...more: string[]) => types({ BASALT_KEY: server.key }, "--url", server.url, "--out", out, ...more);
  await expect(run("--check")).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining("not up to date") });
  await run();
  await run("--check");
  await createAdmin({ url: server.url, key: server.key }).collections.put("more", {});
  await expect(run("--check")).rejects.toMatchObject({ code: 1 });
  await run();
  expect(await readFile(out, "utf8")).toContain("export type More = Record<string, Json>;");
});

it("faults are told", async () => {
  const url = ["--url", server.url];
  await expect(types({ BASALT_KEY: "" }, ...url)).rejects.toMatchObject({
    stderr: expect.stringContaining("BASALT_KEY"),
  });
  await expect(types({ BASALT_KEY: "bst_sk_no" }, ...url)).rejects.toMatchObject({
    stderr: expect.stringContaining("401"),
  });
  await expect(types({})).rejects.toMatchObject({ stderr: expect.stringContaining("--url or --app") });
  const gone = types({ BASALT_KEY: "k" }, "--url", "http://127.0.0.1:1");
  await expect(gone).rejects.toMatchObject({ stderr: expect.stringContaining("can't be reached") });
  await writeFile(join(server.folder, "app.toml"), `${APP}\nnonsense = 1\n`);
  const broken = types({ BASALT: binary() }, "--app", server.folder);
  await expect(broken).rejects.toMatchObject({ stderr: expect.stringMatching(/app\.toml[\s\S]*nonsense/) });
});
