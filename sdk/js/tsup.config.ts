import { defineConfig } from "tsup";

export default defineConfig({
  entry: {
    index: "src/index.ts",
    admin: "src/admin/index.ts",
    files: "src/files/index.ts",
    functions: "src/functions/index.ts",
    offline: "src/offline/index.ts",
  },
  format: ["esm", "cjs"],
  target: "es2022",
  platform: "neutral",
  dts: true,
  // Chunks shared by the entries: the error class must be one class, whichever entry threw it.
  splitting: true,
  treeshake: true,
  clean: true,
  sourcemap: true,
});
