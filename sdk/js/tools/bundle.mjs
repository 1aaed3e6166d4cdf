/** What of the SDK ends up in an app: bundled and minified as a bundler would, and gzipped. */
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const source = (path) => fileURLToPath(new URL(`../src/${path}`, import.meta.url));
const alias = {
  "@basalt/client": source("index.ts"),
  "@basalt/client/admin": source("admin/index.ts"),
  "@basalt/client/files": source("files/index.ts"),
  "@basalt/client/functions": source("functions/index.ts"),
  "@basalt/client/offline": source("offline/index.ts"),
};
const ONLINE = 'export * from "@basalt/client";';
const FUNCTIONS = 'export * from "@basalt/client/functions";';
const FILES = 'export * from "@basalt/client/files";';

/** All that the client exports, so that no app can load more; with each of the stores, of which an app has one. */
export const LIMITS = [
  { name: "the client", code: ONLINE, limit: 25 * 1024 },
  { name: "the client with functions", code: `${ONLINE} ${FUNCTIONS}`, limit: 25 * 1024 },
  { name: "the client with files", code: `${ONLINE} ${FILES}`, limit: 25 * 1024 },
  ...["indexedDb", "sqlite", "memory", "persistence"].map((store) => ({
    name: `the client with offline in ${store}`,
    code: `${ONLINE} export { ${store} } from "@basalt/client/offline";`,
    limit: 40 * 1024,
  })),
];

export async function bundled(code) {
  const result = await build({
    stdin: { contents: code, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
    alias,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    metafile: true,
    logLevel: "error",
  });
  const [output] = Object.values(result.metafile.outputs);
  const used = Object.entries(output.inputs).filter(([, { bytesInOutput }]) => bytesInOutput > 0);
  const bytes = result.outputFiles[0].contents;
  return {
    text: result.outputFiles[0].text,
    gzipped: gzipSync(bytes, { level: 9 }).length,
    minified: bytes.length,
    inputs: used.map(([path]) => path),
    byRoom: byRoom(used),
  };
}

function byRoom(used) {
  const rooms = {};
  for (const [path, { bytesInOutput }] of used) {
    const room = path.split("/")[1] ?? path;
    rooms[room] = (rooms[room] ?? 0) + bytesInOutput;
  }
  return rooms;
}
