import { expect, it } from "vitest";
import { checkId, newId } from "../../../src/documents/ids.js";
import { base32hex } from "../../../src/transport/random.js";
import { FakeClock } from "../../support/clock.js";

it("ids sort by their time and never repeat", async () => {
  const clock = new FakeClock();
  const ids: string[] = [];
  for (let n = 0; n < 100; n++) {
    ids.push(newId(clock));
    await clock.advance(1);
  }
  expect([...ids].sort()).toEqual(ids);
  expect(new Set(Array.from({ length: 1000 }, () => newId(clock))).size).toBe(1000);
  for (const id of ids) expect(checkId(id)).toHaveLength(24);
});

it("base32hex is that of RFC 4648, in lower case and without padding", () => {
  const encode = (text: string) => base32hex(new TextEncoder().encode(text));
  expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(encode)).toEqual([
    "",
    "co",
    "cpng",
    "cpnmu",
    "cpnmuog",
    "cpnmuoj1",
    "cpnmuoj1e8",
  ]);
});
