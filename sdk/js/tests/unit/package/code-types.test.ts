import { copyFile, mkdir, mkdtemp, readFile, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sourcesOf } from "../../../bin/lib/sources.mjs";
import { typesOf } from "../../../bin/lib/types.mjs";

const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));

/** What the compiler takes its time for. */
const PATIENCE = 60_000;

const CODE = `
import { callable, FunctionError, http } from "basalt:functions";

export const add = callable({ invoke: "true" }, async (input: { a: number; b?: number }, ctx) => {
  if (input.a === 13) throw new FunctionError("unlucky", "Not 13.");
  ctx.log.info("adds");
  return { sum: input.a + (input.b ?? 0), at: new Date(), tags: ["x"] as const, by: ctx.auth?.id };
});
export const touch = callable(async (input: { id: string }, ctx) => {
  await ctx.asService().db.collection("notes").update(input.id, { touched: true });
});
export const ping = callable(() => "pong");
export const half = callable({ input: { type: "number" } }, (n: number) => (n > 0 ? n / 2 : null));
export const hook = http(async () => new Response("ok"));
`;

const USE = `
import { createClient } from "@basalt/client";
import { withFunctions } from "@basalt/client/functions";
import type { Functions, Schema } from "./schema.js";

const { functions } = withFunctions(createClient<Schema, Functions>({ url: "http://localhost:1" }));
const sum: Promise<{ sum: number; at: string; tags: readonly ["x"]; by: string | undefined }> = functions.add({ a: 1 });
const touched: Promise<null> = functions.touch({ id: "n" });
const pong: Promise<string> = functions.ping();
const half: Promise<number | null> = functions.half(2);
export const all = [sum, touched, pong, half];

export async function wrong() {
  // @ts-expect-error a number is needed
  await functions.add({ a: "1" });
  // @ts-expect-error something is needed
  await functions.add();
  // @ts-expect-error there is no such member
  await functions.add({ a: 1, c: 2 });
  // @ts-expect-error a date arrives as text
  (await functions.add({ a: 1 })).at.getTime();
  // @ts-expect-error nothing has no members
  (await functions.touch({ id: "n" })).id;
  // @ts-expect-error the schema says that it is a number
  await functions.half("2");
  // @ts-expect-error nobody calls an http function so
  await functions.hook();
}
`;

let folder: string;
beforeAll(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "basalt-code-")));
  for (const path of ["app/functions", "web/src"]) await mkdir(join(folder, path), { recursive: true });
  await writeFile(join(folder, "app/app.toml"), "");
  await writeFile(join(folder, "app/functions/math.ts"), CODE);
  const declarations = join(ROOT, "server/runtime/js/functions.d.ts");
  await copyFile(declarations, join(folder, "app/functions/basalt-functions.d.ts"));
  await writeFile(join(folder, "web/src/use.ts"), USE);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What a server tells of the functions above. */
const FUNCTIONS = [
  ...["add", "touch", "ping"].map((name) => ({ name, kind: "callable", source: "functions/math.ts" })),
  { name: "half", kind: "callable", source: "functions/math.js", input: { type: "number" } },
  { name: "hook", kind: "http", source: "functions/math.ts" },
];

/** What the compiler says of a file and all that it names, by the options of the example's front end. */
async function faults(root: string): Promise<string[]> {
  const config = join(ROOT, "examples/notes/tsconfig.json");
  const { config: said } = ts.parseConfigFileTextToJson(config, await readFile(config, "utf8"));
  const { options } = ts.convertCompilerOptionsFromJson({ ...said.compilerOptions, types: [] }, dirname(config));
  const entry = (path: string) => [join(ROOT, "sdk/js/src", path)];
  const paths = { "@basalt/client": entry("index.ts"), "@basalt/client/functions": entry("functions/index.ts") };
  const found = ts.getPreEmitDiagnostics(ts.createProgram([root], { ...options, paths }));
  // The SDK's own sources are checked by its own options.
  const own = found.filter(({ file }) => file === undefined || file.fileName.startsWith(folder));
  return own.map(({ file, start = 0, messageText }) => {
    const line = file
      ? `${relative(folder, file.fileName)}:${file.getLineAndCharacterOfPosition(start).line + 1} `
      : "";
    return `${line}${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

it("functions without schemas have the types of their code, wherever it lies", { timeout: PATIENCE }, async () => {
  const out = join(folder, "web/src/schema.ts");
  const { functions, declarations } = sourcesOf(join(folder, "app"), FUNCTIONS, out);
  await writeFile(out, typesOf([], functions, declarations));
  expect(await readFile(out, "utf8")).toContain('InputOf<typeof import("../../app/functions/math.ts").add>');
  expect(await faults(join(folder, "web/src/use.ts"))).toEqual([]);
});

it("without the code they take and give any JSON", () => {
  const { functions, declarations } = sourcesOf(join(folder, "web"), FUNCTIONS, "schema.ts");
  expect(typesOf([], functions, declarations)).toContain("add: { input: Json; output: Json };");
});
