/** Prints what an app loads, and fails when it is too much. */
import { bundled, LIMITS } from "./bundle.mjs";

for (const { name, code, limit } of LIMITS) {
  const { minified, gzipped, byRoom } = await bundled(code);
  process.stdout.write(`${name}: ${gzipped} of ${limit} bytes gzipped, ${minified} minified\n`);
  for (const [room, bytes] of Object.entries(byRoom).sort((a, b) => b[1] - a[1])) {
    process.stdout.write(`  ${room.padEnd(14)}${bytes}\n`);
  }
  if (gzipped > limit) process.exitCode = 1;
}
