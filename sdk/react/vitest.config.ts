import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^@basalt\/client$/, replacement: source("../js/src/index.ts") },
      { find: /^@basalt\/client\/files$/, replacement: source("../js/src/files/index.ts") },
      { find: /^@basalt\/client\/offline$/, replacement: source("../js/src/offline/index.ts") },
    ],
  },
  test: { include: ["tests/**/*.test.{ts,tsx}"], maxWorkers: 2 },
});
