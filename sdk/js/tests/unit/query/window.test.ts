import { describe, expect, it } from "vitest";
import type { Document, QuerySpec } from "../../../src/documents/types.js";
import { compileQuery, deepEqual, difference, ResultWindow } from "../../../src/query/index.js";
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

function window(spec: Partial<QuerySpec>, documents: Document[], complete = true): ResultWindow {
  return new ResultWindow(compileQuery({ collection: "notes", ...spec }), documents, complete);
}

const rows = (...texts: string[]) => texts.map((text) => document(text.slice(0, 1), { n: Number(text.slice(1)) }));
const row = (text: string) => rows(text)[0] as Document;
const shown = (list: Document[]) => list.map(({ id, n }) => `${id}${n}`);

describe("a live result, kept up to date", () => {
  it("tells of what comes, changes, moves and leaves as the server does", () => {
    const live = window({ filter: "n < 10", sort: ["n"] }, rows("a1", "b3", "z11"));
    expect(live.put(row("c2"))).toEqual([{ op: "added", doc: row("c2"), index: 1 }]);
    expect(live.put(row("c2"))).toEqual([]);
    const renamed = { ...row("c2"), title: "new" };
    expect(live.put(renamed)).toEqual([{ op: "modified", doc: renamed, index: 1 }]);
    expect(live.put(row("c4"))).toEqual([{ op: "modified", doc: row("c4"), index: 2 }]);
    expect(live.put(row("a11"))).toEqual([{ op: "removed", doc: { id: "a" }, index: 0 }]);
    expect(live.remove("nobody")).toEqual([]);
    expect(live.put(row("z12"))).toEqual([]);
    expect(shown(live.visible())).toEqual(["b3", "c4"]);
  });

  it("moves its limit's last row out and the next one in", () => {
    const live = window({ sort: ["n"], limit: 2 }, rows("a1", "b2", "c3"), false);
    expect(live.put(row("d0"))).toEqual([
      { op: "removed", doc: { id: "b" }, index: 1 },
      { op: "added", doc: row("d0"), index: 0 },
    ]);
    expect(live.remove("a")).toEqual([
      { op: "removed", doc: { id: "a" }, index: 1 },
      { op: "added", doc: row("b2"), index: 1 },
    ]);
    // From sight to behind the limit.
    expect(live.put(row("d2"))).toEqual([{ op: "modified", doc: row("d2"), index: 1 }]);
    expect(shown(live.visible())).toEqual(["b2", "d2"]);
  });

  it("says when it can't know what comes next", () => {
    const live = window({ sort: ["n"], limit: 2 }, rows("a1", "b2", "c3"), false);
    live.remove("a");
    expect(live.refill).toBe(false);
    live.remove("b");
    expect(live.refill).toBe(true);
    // Others may come before it.
    expect(live.put(row("z9"))).toEqual([]);
    expect(shown(live.visible())).toEqual(["c3"]);
    const whole = window({ sort: ["n"], limit: 2 }, rows("a1"), true);
    whole.remove("a");
    expect(whole.refill).toBe(false);
  });

  it("keeps a bounded number of rows beyond its limit", () => {
    const many = Array.from({ length: 300 }, (_, n) => document(`d${1000 + n}`, { n }));
    const live = window({ sort: ["n"], limit: 10 }, many, true);
    for (let n = 0; n < 61; n++) live.remove(`d${1000 + n}`);
    expect(live.refill).toBe(true);
  });

  it("a change of what isn't shown is none", () => {
    const live = window({ select: ["n"], sort: ["n"] }, rows("a1"));
    expect(live.put({ ...row("a1"), rev: "r2", title: "x" })).toEqual([]);
    expect(live.put({ ...row("a2"), rev: "r3" })).toEqual([
      { op: "modified", doc: { id: "a", rev: "r3", n: 2 }, index: 0 },
    ]);
    const whole = window({ sort: ["n"] }, rows("a1"));
    expect(whole.put({ ...row("a1"), rev: "r2" })).toHaveLength(1);
  });

  it.each([undefined, 1, 3])("clients that apply its steps hold the result, limit %s", (limit) => {
    const spec: QuerySpec = { collection: "notes", filter: "n != 7", sort: ["-n"] };
    if (limit) spec.limit = limit;
    const query = compileQuery(spec);
    for (let seed = 0; seed < 40; seed++) {
      const dice = new Dice(seed);
      const live = new ResultWindow(query, [], true);
      const stored = new Map<string, Document>();
      const client: Document[] = [];
      for (let write = 0; write < 60; write++) {
        const id = "abcdefghij".charAt(dice.roll(10));
        const next = document(id, { n: dice.roll(9), text: dice.roll(2) });
        if (dice.roll(3) === 0) stored.delete(id);
        else stored.set(id, next);
        apply(client, stored.has(id) ? live.put(next) : live.remove(id));
        expect(client).toEqual(query.run(stored.values()));
        expect(live.visible()).toEqual(client);
      }
    }
  });
});

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
