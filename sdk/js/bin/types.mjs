#!/usr/bin/env node
/**
 * Writes the TypeScript types of a server's collections and functions: `createClient<Schema, Functions>()` then knows them.
 * In an app's folder functions without schemas have the types of their code.
 *
 *   basalt-types --url http://localhost:7070 --out src/schema.ts      # a running server; the key is in BASALT_KEY
 *   basalt-types --app . --out src/schema.ts                          # what the app.toml of this folder declares
 */
import { readFile, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { typesOfApp } from "./lib/declared.mjs";
import { definitions } from "./lib/definitions.mjs";
import { sourcesOf } from "./lib/sources.mjs";
import { typesOf } from "./lib/types.mjs";

const USAGE = `basalt-types (--url URL | --app FOLDER) [--out FILE] [--check]

  --url URL      a running server; a service key with the scope admin is taken from BASALT_KEY
  --app FOLDER   the folder of an app.toml; needs the server's binary (BASALT, or basalt on the PATH)
  --out FILE     where to write; standard output where nothing is said
  --check        writes nothing, and fails when FILE is not up to date`;

async function main() {
  const options = {
    url: { type: "string" },
    app: { type: "string" },
    out: { type: "string" },
    check: { type: "boolean" },
  };
  const { values } = parseArgs({ options: { ...options, help: { type: "boolean", short: "h" } } });
  if (values.help) return process.stdout.write(`${USAGE}\n`);
  if ((values.url === undefined) === (values.app === undefined)) throw new Error(`Say --url or --app.\n\n${USAGE}`);
  if (values.check && !values.out) throw new Error("--check needs --out.");
  if (values.app) return process.stdout.write(await typesOfApp(values, process.env.BASALT ?? "basalt"));
  const { collections, functions } = await definitions(values.url, process.env.BASALT_KEY);
  // What has no schema has the types of its code, where that lies here.
  const sources = sourcesOf(".", functions, values.out);
  const text = typesOf(collections, sources.functions, sources.declarations);
  if (!values.out) return process.stdout.write(text);
  const former = await readFile(values.out, "utf8").catch(() => null);
  if (former === text) return;
  if (values.check) throw new Error(`${values.out} is not up to date.`);
  await writeFile(values.out, text);
}

main().catch((error) => {
  process.stderr.write(`basalt-types: ${error.message}\n`);
  process.exitCode = 1;
});
