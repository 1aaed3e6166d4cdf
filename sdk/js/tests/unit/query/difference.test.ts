import { describe, expect, it } from "vitest";
import type { Document } from "../../../src/documents/types.js";
import { deepEqual, difference } from "../../../src/query/index.js";
import type { LiveChange } from "../../../src/realtime/types.js";
import { Dice } from "../cel/random.js";
import { document } from "./documents.js";

/** What a client makes of the steps; checks that each is possible. */
function apply(list: Document[], steps: LiveChange[]): void {
  for (const { op, doc, index } of steps) {
    const old = list.findIndex((row) => row.id === doc.id);
    if (op === "added") expect(old).toBe(-1);
    else if (op === "removed") expect(old).toBe(index);
    if (old >= 0) list.splice(old, 1);
    if (op !== "removed") list.splice(index, 0, doc as Document);
  }
}

const rows = (...texts: string[]) => texts.map((text) => document(text.slice(0, 1), { n: Number(text.slice(1)) }));

describe("the difference between two lists", () => {
  it("leads from one to the other, and names nothing that stays as it is", () => {
    for (let seed = 0; seed < 500; seed++) {
      const dice = new Dice(seed);
      const list = () => {
        const ids = [..."abcdefgh"].filter(() => dice.roll(2) === 0).sort(() => dice.roll(3) - 1);
        return ids.map((id) => document(id, { n: dice.roll(2) }));
      };
      const [from, to] = [list(), list()];
      const client = [...from];
      const steps = difference(from, to);
      apply(client, steps);
      expect(client).toEqual(to);
      const added = to.filter(({ id }) => !from.some((other) => other.id === id));
      expect(steps.filter(({ op }) => op === "added").length).toBe(added.length);
    }
    expect(difference(rows("a1", "b2"), rows("a1", "b2"))).toEqual([]);
  });
});

describe("equality of JSON", () => {
  it("is of values, whatever the order of members", () => {
    expect(deepEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
    for (const [left, right] of [
      [{ a: 1 }, { a: 1, b: null }],
      [
        [1, 2],
        [2, 1],
      ],
      [[1], { 0: 1 }],
      [null, {}],
      ["1", 1],
      [{}, { constructor: 1 }],
    ]) {
      expect(deepEqual(left, right)).toBe(false);
      expect(deepEqual(right, left)).toBe(false);
    }
  });
});
