import { defineConfig } from "tsup";

export default defineConfig({
  entry: { index: "src/index.ts" },
  format: ["esm", "cjs"],
  target: "es2022",
  platform: "neutral",
  // The types are made from the client's built ones, as its users have them.
  tsconfig: "tsconfig.build.json",
  dts: true,
  external: ["react", "react/jsx-runtime", "@basalt/client"],
  clean: true,
  sourcemap: true,
  // Server components must not take it for one of theirs.
  banner: { js: '"use client";' },
});
