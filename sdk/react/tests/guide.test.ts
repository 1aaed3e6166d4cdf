/** The snippet of `docs/react.md` is one that the compiler takes. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const at = (path: string) => fileURLToPath(new URL(`../${path}`, import.meta.url));

/** Type-checks texts as if they were files of this folder. */
function faults(files: Record<string, string>): string[] {
  const { config } = ts.readConfigFile(at("tsconfig.json"), ts.sys.readFile);
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, at("."));
  const paths = { ...options.paths, "@basalt/react": [at("src/index.ts")] };
  const host = ts.createCompilerHost({ ...options, paths });
  const [read, exists] = [host.readFile.bind(host), host.fileExists.bind(host)];
  host.readFile = (name) => files[name] ?? read(name);
  host.fileExists = (name) => name in files || exists(name);
  host.getSourceFile = (name, target) => {
    const text = host.readFile(name);
    return text === undefined ? undefined : ts.createSourceFile(name, text, target);
  };
  const program = ts.createProgram(Object.keys(files), { ...options, paths }, host);
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ file, messageText }) => `${file?.fileName}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
}

describe("docs/react.md", () => {
  it("has a snippet without faults, and one would be seen", async () => {
    const page = await readFile(at("../../docs/react.md"), "utf8");
    const blocks = [...page.matchAll(/^```tsx\n([\s\S]*?)^```$/gm)].map(([, code]) => code ?? "");
    expect(blocks).toHaveLength(1);
    const [good = ""] = blocks;
    const wrong = good.replace("note.title", "note.titel");
    const found = faults({ [at("tests/good.tsx")]: good, [at("tests/wrong.tsx")]: wrong });
    expect(found.filter((fault) => !fault.includes("wrong.tsx"))).toEqual([]);
    expect(found).toHaveLength(1);
  }, 120_000);
});
