import { describe, expect, it } from "vitest";
import { mergeNotes } from "../../../examples/notes/src/merge.js";

type Fields = Record<string, unknown>;

const item = (text: string, done = false) => ({ text, done, at: 1 });
const base = { title: "t", body: "b", members: [], items: { a: item("a"), b: item("b") }, words: "a\nb" };
const merge = (mine: Fields | null, theirs: Fields | null) => {
  const side = (fields: Fields | null) => fields && { ...base, ...fields };
  return mergeNotes({ base, mine: side(mine), theirs: side(theirs) } as never);
};

describe("two versions of a note", () => {
  it("are merged where they changed different things", () => {
    expect(merge({ title: "mine" }, { body: "theirs" })).toMatchObject({ document: { title: "mine", body: "theirs" } });
    const mine = { items: { a: item("a", true), b: item("b") } };
    const theirs = { items: { a: item("a"), c: item("c") } };
    expect(merge(mine, theirs)).toMatchObject({
      document: { items: { a: item("a", true), c: item("c") }, words: "a\nc" },
    });
  });

  it("have the pictures that either added, without those that either took away", () => {
    const was = { ...base, images: ["a", "b"] };
    const merged = mergeNotes({
      base: was,
      mine: { ...was, images: ["a", "b", "c"] },
      theirs: { ...was, images: ["d", "b"] },
    } as never);
    expect(merged).toMatchObject({ document: { images: ["d", "b", "c"] } });
  });

  it("agree where they changed the same thing alike", () => {
    expect(merge({ title: "both" }, { title: "both" })).toMatchObject({ document: { title: "both" } });
  });

  it("are left to the user where they don't", () => {
    expect(merge({ title: "mine" }, { title: "theirs" })).toBeUndefined();
    const mine = { items: { ...base.items, a: item("mine") } };
    expect(merge(mine, { items: { ...base.items, a: item("theirs") } })).toBeUndefined();
    expect(merge(mine, { items: { b: item("b") } })).toBeUndefined();
    expect(merge(null, { title: "theirs" })).toBeUndefined();
  });
});
