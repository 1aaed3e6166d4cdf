import { realpathSync, statSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";

const ENDINGS = ["ts", "mts"];
/** `functions/add.js` is what `add.ts` is on a server, once packages are bundled with it. */
const SOURCE = /^functions\/([^/]+)\.(?:ts|mts|js|mjs)$/;

/**
 * The code of an app that lies in a folder, as the file that is written names it: functions with their `module`, and the
 * file that declares `basalt:functions`. `basalt types` does the same.
 */
export function sourcesOf(app, functions, out = "schema.ts") {
  const code = join(app, "functions");
  if (!isFile(join(app, "app.toml")) || !isFolder(code) || !isFolder(dirname(out))) return { functions };
  const from = realpathSync(dirname(out));
  const seen = (file) => {
    const way = relative(from, join(realpathSync(code), file)).replaceAll(sep, "/");
    return way.startsWith("../") ? way : `./${way}`;
  };
  const here = (file) => (isFile(join(code, file)) ? seen(file) : undefined);
  const moduleOf = (source) => {
    const stem = SOURCE.exec(source ?? "")?.[1];
    const file = stem && ENDINGS.map((ending) => `${stem}.${ending}`).find((one) => isFile(join(code, one)));
    return file ? seen(file) : undefined;
  };
  return {
    functions: functions.map((one) => ({ ...one, module: moduleOf(one.source) })),
    declarations: here("basalt-functions.d.ts"),
  };
}

function isFile(path) {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

function isFolder(path) {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
