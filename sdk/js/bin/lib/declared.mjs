import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * The types of what an app's folder declares, by the server's own command: so there is one reader of manifests, and its
 * faults have line and column. The text, or nothing where it went to a file.
 */
export async function typesOfApp({ app, out, check }, binary) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("BASALT"));
  const more = [...(out ? ["--out", out] : []), ...(check ? ["--check"] : [])];
  const options = { env: Object.fromEntries(kept), maxBuffer: 64 << 20 };
  const done = promisify(execFile)(binary, ["types", "--app", app, ...more], options);
  const { stdout } = await done.catch((error) => {
    if (typeof error.code === "number") throw new Error(error.stderr.trim());
    throw new Error(`${binary} can't be run (${error.code}): name the server's binary in BASALT.`);
  });
  return out ? "" : stdout;
}
