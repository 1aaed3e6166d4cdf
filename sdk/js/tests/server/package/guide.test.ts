import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import ts from "typescript";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Guide, readGuide } from "../../support/guide.js";
import { engines, startServer } from "../../support/server.js";

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const paths = {
  "@basalt/client": [at("src/index.ts")],
  "@basalt/client/admin": [at("src/admin/index.ts")],
  "@basalt/client/files": [at("src/files/index.ts")],
  "@basalt/client/functions": [at("src/functions/index.ts")],
  "@basalt/client/offline": [at("src/offline/index.ts")],
  "@basalt/react": [at("../react/src/index.ts")],
};

/** Type-checks these texts as if they were files beside this one. */
function faults(files: Record<string, string>): string[] {
  const config = ts.readConfigFile(at("tsconfig.base.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, at("."));
  const compilerOptions = { ...options, types: ["node"], jsx: ts.JsxEmit.ReactJSX, paths, noUnusedLocals: false };
  const host = ts.createCompilerHost(compilerOptions);
  const read = host.readFile.bind(host);
  const exists = host.fileExists.bind(host);
  host.readFile = (name) => files[name] ?? read(name);
  host.fileExists = (name) => name in files || exists(name);
  host.getSourceFile = (name, target) => {
    const text = host.readFile(name);
    return text === undefined ? undefined : ts.createSourceFile(name, text, target);
  };
  const program = ts.createProgram(Object.keys(files), compilerOptions, host);
  return ts.getPreEmitDiagnostics(program).map((fault) => {
    const where = fault.file ? ts.getLineAndCharacterOfPosition(fault.file, fault.start ?? 0).line + 1 : 0;
    return `${fault.file?.fileName}:${where} ${ts.flattenDiagnosticMessageText(fault.messageText, " ")}`;
  });
}

describe("docs/sdk.md", () => {
  let guide: Guide;
  beforeAll(async () => {
    guide = await readGuide();
  });

  it("has snippets that the compiler takes, and it would see one that is wrong", () => {
    const components = guide.components.map((text, n) => [at(`tests/guide${n}.tsx`), text]);
    const wrong = guide.program.replace('notes.where("status"', 'notes.where("stats"');
    const files = {
      [at("tests/guide.ts")]: guide.program,
      [at("tests/wrong.ts")]: wrong,
      ...Object.fromEntries(components),
    };
    const found = faults(files);
    expect(guide.components).toHaveLength(1);
    expect(found.filter((fault) => !fault.includes("tests/wrong.ts"))).toEqual([]);
    expect(found).toHaveLength(1);
  }, 120_000);

  describe.each(engines)("on %s", (engine) => {
    let folder: string;
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "basalt-guide-"));
    });
    afterAll(() => rm(folder, { recursive: true, force: true }));

    it("does and prints what it says", async () => {
      const server = await startServer({ engine, app: guide.app });
      try {
        const contents = guide.program.replaceAll("http://localhost:7070", server.url);
        const alias = Object.fromEntries(Object.entries(paths).map(([name, [path]]) => [name, path as string]));
        const stdin = { contents, resolveDir: at("."), loader: "ts" } as const;
        const bundle = await build({ stdin, alias, bundle: true, format: "esm", platform: "node", write: false });
        const module = join(folder, "guide.mjs");
        await writeFile(module, bundle.outputFiles[0]?.text ?? "");
        const env = { ...process.env, BASALT_KEY: server.key, NO_COLOR: "1" };
        const { stdout } = await promisify(execFile)(process.execPath, [module], { env, timeout: 60_000 });
        expect(stdout.trim().split("\n")).toEqual(guide.prints);
      } finally {
        await server.stop();
      }
    }, 120_000);
  });
});
