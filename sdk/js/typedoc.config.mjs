import { OptionDefaults } from "typedoc";

export default {
  name: "@basalt/client",
  entryPoints: ["src/index.ts", "src/admin/index.ts", "src/offline/index.ts"],
  tsconfig: "tsconfig.json",
  out: "../docs/client",
  readme: "none",
  excludePrivate: true,
  excludeInternal: true,
  disableSources: true,
  treatWarningsAsErrors: true,
  // What the types made from the OpenAPI document are commented with.
  blockTags: [...OptionDefaults.blockTags, "@description"],
  validation: { notExported: true, invalidLink: true, notDocumented: false },
};
