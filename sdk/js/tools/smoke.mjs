/** The built package as those who install it load it: by `import` and by `require`, each entry, one error class in all. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const ENTRIES = [
  ["@basalt/client", ["BasaltError", "createClient", "isBasaltError", "where", "cel"]],
  ["@basalt/client/admin", ["BasaltError", "createAdmin"]],
  ["@basalt/client/files", ["withFiles"]],
  ["@basalt/client/functions", ["withFunctions"]],
  ["@basalt/client/offline", ["indexedDb", "memory", "sqlite"]],
];

for (const load of [(name) => import(name), async (name) => require(name)]) {
  const [client, admin] = await Promise.all(ENTRIES.map(([name]) => load(name)));
  for (const [name, exported] of ENTRIES) {
    const entry = await load(name);
    for (const one of exported) assert.equal(typeof entry[one], "function", `${name} exports ${one}`);
  }
  assert.equal(client.BasaltError, admin.BasaltError);
  assert.throws(() => client.createClient({ url: "nonsense" }), admin.BasaltError);
  const error = await client
    .createClient({ url: "http://127.0.0.1:1", retries: 0 })
    .auth.login({ email: "a", password: "b" })
    .catch((e) => e);
  assert.equal(error.code, "network");
}
process.stdout.write("the package loads by import and by require\n");
