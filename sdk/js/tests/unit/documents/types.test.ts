import { describe, expect, expectTypeOf, it } from "vitest";
import { type Collection, createClient, type Document, increment, type Patch } from "../../../src/index.js";

interface Schema {
  notes: { title: string; n: number; tags: string[]; meta?: { color: string; pinned?: boolean } };
  users: { displayName?: string };
}

const client = createClient<Schema>({ url: "http://localhost:1" });
const notes = client.collection("notes");

describe("types", () => {
  it("know collections, fields and values", () => {
    expectTypeOf(notes).toExtend<Collection<Schema["notes"]>>();
    // @ts-expect-error there is no such collection
    client.collection("nots");
    // @ts-expect-error there is no such field
    notes.where("titel", "==", "x");
    // @ts-expect-error a title is no number
    notes.where("title", "==", 1);
    // @ts-expect-error a list is needed
    expect(() => notes.where("title", "in", "x")).toThrow();
    // @ts-expect-error no tag is a number
    notes.where("tags", "contains", 1);
    // @ts-expect-error a color is a text
    notes.where("meta.color", "==", 1);
    expect(notes.where("meta.color", "==", "red").and("n", ">", 1).spec().filter).toBe(
      "doc.meta.color == vars.v0 && doc.n > vars.v1",
    );
  });

  it("know what comes back", () => {
    type Got = Awaited<ReturnType<typeof notes.get>>;
    expectTypeOf<Got>().toEqualTypeOf<Document<Schema["notes"]>>();
    const narrow = notes.select("title");
    type Narrow = NonNullable<Awaited<ReturnType<typeof narrow.first>>>;
    expectTypeOf<Narrow["title"]>().toEqualTypeOf<string>();
    expectTypeOf<Narrow["n"]>().toEqualTypeOf<number | undefined>();
    const near = notes.search("x").orderByDistance("title", { lat: 1, lng: 2 });
    type Near = NonNullable<Awaited<ReturnType<typeof near.first>>>;
    expectTypeOf<Near["distance"]>().toEqualTypeOf<number>();
    const found = notes.search("x").expand("owner").select("n");
    type Found = NonNullable<Awaited<ReturnType<typeof found.first>>>;
    expectTypeOf<Found["highlight"]>().toEqualTypeOf<Record<string, string> | undefined>();
    expectTypeOf<Found["expand"]>().toExtend<object>();
    expectTypeOf(client.auth.user).toExtend<{ displayName?: string; email?: string | null } | null>();
  });

  it("know what may be written", () => {
    expectTypeOf({ n: increment(1), meta: { pinned: true }, tags: ["a"] }).toExtend<Patch<Schema["notes"]>>();
    expectTypeOf({ title: null, meta: null }).toExtend<Patch<Schema["notes"]>>();
    expectTypeOf({ n: "1" }).not.toExtend<Patch<Schema["notes"]>>();
    expectTypeOf({ title: "x" }).not.toExtend<Parameters<typeof notes.create>[0]>();
  });

  it("let anything through where no schema is declared", () => {
    const any = createClient({ url: "http://localhost:1" });
    expect(any.collection("whatever").where("a.b", "==", [1]).spec().vars).toEqual({ v0: [1] });
  });
});

describe("queries", () => {
  it("are never changed, only extended", () => {
    const open = notes.where("n", ">", 1);
    const both = open.or("n", "<", 0).orderBy("title", "desc").orderBy("n").limit(5).after("c").expand("owner");
    expect(open.spec()).toEqual({ collection: "notes", filter: "doc.n > vars.v0", vars: { v0: 1 } });
    expect(both.spec()).toEqual({
      collection: "notes",
      filter: "doc.n > vars.v0 || doc.n < vars.v1",
      vars: { v0: 1, v1: 0 },
      sort: ["-title", "n"],
      limit: 5,
      cursor: "c",
      expand: ["owner"],
    });
  });

  it("say what can't be asked", () => {
    expect(() => notes.limit(0)).toThrow(/1 to 500/);
    expect(() => notes.limit(501)).toThrow(/1 to 500/);
    expect(() => notes.or("n", "==", 1)).toThrow(/begin with/);
    expect(() => notes.orderBy("title,n" as "title")).toThrow(/can't be named/);
    expect(() => notes.orderBy("-title" as "title")).toThrow(/can't be named/);
    expect(() => notes.orderByDistance("title", { lat: Number.NaN, lng: 1 })).toThrow(/lat and lng/);
  });
});
