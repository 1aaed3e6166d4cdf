import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["**/*.test.ts"],
    // A browser on a busy machine may stand still for a while.
    testTimeout: 180_000,
    hookTimeout: 240_000,
    fileParallelism: false,
    // Each test goes on where the one before ended.
    bail: 1,
  },
});
