import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@basalt\/client$/, replacement: source("./src/index.ts") },
      { find: /^@basalt\/client\/(admin|files|functions|offline)$/, replacement: source("./src/$1/index.ts") },
    ],
  },
  test: {
    include: ["tests/**/*.test.ts"],
    // Every server suite starts a server of its own, and the machine may have two cores only.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
