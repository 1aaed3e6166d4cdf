/** The snippets of `docs/sdk.md`: what is run is one module, all `ts` blocks from top to bottom. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const PAGE = new URL("../../../../docs/sdk.md", import.meta.url);
const BLOCK = /^```(\w+)\n([\s\S]*?)^```$/gm;
/** `// prints a, then b` */
const PRINTS = /\/\/ prints (.*)$/gm;

export interface Guide {
  app: string;
  program: string;
  components: string[];
  /** The lines that the program prints, in order. */
  prints: string[];
}

export async function readGuide(): Promise<Guide> {
  const text = await readFile(fileURLToPath(PAGE), "utf8");
  const blocks = [...text.matchAll(BLOCK)].map(([, language, code]) => ({ language, code: code ?? "" }));
  const of = (wanted: string) => blocks.filter(({ language }) => language === wanted).map(({ code }) => code);
  const program = of("ts").join("\n");
  const prints = [...program.matchAll(PRINTS)].flatMap(([, said]) => (said ?? "").split(", then "));
  return { app: of("toml").join("\n"), program, components: of("tsx"), prints };
}
