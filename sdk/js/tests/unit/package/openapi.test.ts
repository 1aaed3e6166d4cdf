import { readFile } from "node:fs/promises";
import openapiTS, { astToString, COMMENT_HEADER } from "openapi-typescript";
import { expect, it } from "vitest";

it("the wire types are those of the checked-in document: npm run generate", async () => {
  const document = new URL("../../../../../docs/openapi.json", import.meta.url);
  const checkedIn = await readFile(new URL("../../../src/generated/openapi.ts", import.meta.url), "utf8");
  expect(`${COMMENT_HEADER}${astToString(await openapiTS(document))}` === checkedIn).toBe(true);
}, 60_000);
