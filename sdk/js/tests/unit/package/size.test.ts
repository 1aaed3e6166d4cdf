import { describe, expect, it } from "vitest";
import { bundled, LIMITS } from "../../../tools/bundle.mjs";

describe("what an app loads", () => {
  it.each(LIMITS)("$name is small enough", async ({ code, limit }) => {
    const { gzipped } = await bundled(code);
    expect(gzipped).toBeLessThanOrEqual(limit);
  });

  it("is only what it uses", async () => {
    const { text } = await bundled('import { isBasaltError } from "@basalt/client"; console.log(isBasaltError(1));');
    expect(text.length).toBeLessThan(500);
    const { inputs } = await bundled('import { createClient } from "@basalt/client"; createClient({ url: "" });');
    expect(inputs.filter((path) => /\/(offline|cel|query|admin)\//.test(path))).toEqual([]);
    const admin = await bundled('import { createAdmin } from "@basalt/client/admin"; createAdmin({ url: "" });');
    expect(admin.inputs.filter((path) => /\/(offline|cel|query)\/|auth\/keeper/.test(path))).toEqual([]);
  });
});
