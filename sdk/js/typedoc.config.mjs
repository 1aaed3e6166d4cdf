import { OptionDefaults } from "typedoc";

export default {
  name: "@basalt/client",
  entryPoints: [
    "src/index.ts",
    "src/admin/index.ts",
    "src/files/index.ts",
    "src/functions/index.ts",
    "src/offline/index.ts",
  ],
  tsconfig: "tsconfig.json",
  out: "../docs/client",
  readme: "none",
  excludePrivate: true,
  excludeProtected: true,
  excludeInternal: true,
  disableSources: true,
  treatWarningsAsErrors: true,
  // What the types made from the OpenAPI document are commented with.
  blockTags: [...OptionDefaults.blockTags, "@description"],
  // Helpers of types, which say nothing that their users don't.
  intentionallyNotExported: [
    "Schemas",
    "OrDate",
    "Element",
    "PatchValue",
    "UserData",
    "Joint",
    "Surroundings",
    "Arguments",
    "InputOf",
    "OutputOf",
    "Declared",
    "JsonMap",
  ],
  validation: { notExported: true, invalidLink: true, notDocumented: false },
};
