import { readFile } from "node:fs/promises";
import ts from "typescript";
import { describe, expect, it } from "vitest";
import { typesOf } from "../../../bin/lib/types.mjs";

/** The type of the one collection, on one line. */
function written(schema: unknown): string {
  const text = typesOf([{ name: "notes", definition: { schema } }]);
  return text
    .slice(text.indexOf("}\n\n") + 3)
    .replaceAll(/\s+/g, " ")
    .trim();
}

/** What the compiler says of it. */
function faults(text: string): string[] {
  const source = ts.createSourceFile("schema.ts", text, ts.ScriptTarget.ES2022, true);
  const { parseDiagnostics } = source as unknown as { parseDiagnostics: ts.Diagnostic[] };
  return parseDiagnostics.map(({ messageText }) => String(messageText));
}

const field = (schema: unknown) => {
  const [, type] = /a\?: (.*); }$/.exec(written({ properties: { a: schema } })) ?? [];
  return type;
};

describe("types from schemas", () => {
  it("are the document's own fields, required or not", () => {
    const schema = {
      type: "object",
      description: "What somebody wrote.",
      properties: {
        title: { type: "string", description: "Short. */ evil" },
        n: { type: "integer" },
        id: { type: "string" },
      },
      required: ["title", "id"],
    };
    expect(written(schema)).toBe(
      "/** What somebody wrote. */ export interface Notes { /** Short. *\\/ evil */ title: string; n?: number; }",
    );
  });

  it.each([
    [{ type: ["string", "null"] }, "string | null"],
    [{ enum: ["a", 1, null] }, '"a" | 1 | null'],
    [{ const: "x|y" }, '"x|y"'],
    [{ type: "array", items: { type: ["string", "null"] } }, "(string | null)[]"],
    [{ type: "array", items: { enum: ["a|b"] } }, '"a|b"[]'],
    [{ type: "array", prefixItems: [{ type: "number" }, { type: "string" }], items: false }, "[number?, string?]"],
    [{ type: "object", additionalProperties: { type: "number" } }, "Record<string, number>"],
    [{ type: "object" }, "Record<string, Json>"],
    [{ oneOf: [{ type: "string" }, { type: "array", items: { type: "string" } }] }, "string | string[]"],
    [
      { allOf: [{ properties: { b: { type: "number" } } }, { properties: { c: true } }] },
      "{ b?: number; } & { c?: Json; }",
    ],
    [{ properties: { "foo-bar": { type: "boolean" } }, required: ["foo-bar"] }, '{ "foo-bar": boolean; }'],
    [true, "Json"],
    [false, "never"],
    [{ type: "string", format: "date-time" }, "string"],
    [{ $ref: "#/nowhere" }, "Json"],
  ])("%j", (schema, type) => {
    expect(field(schema)).toBe(type);
    expect(faults(typesOf([{ name: "notes", definition: { schema: { properties: { a: schema } } } }]))).toEqual([]);
  });

  it("follow references, also to themselves", () => {
    const tree = { type: "object", properties: { children: { type: "array", items: { $ref: "#/$defs/tree" } } } };
    const schema = { type: "object", properties: { root: { $ref: "#/$defs/tree" } }, $defs: { tree } };
    expect(written(schema)).toBe(
      "export interface Notes { root?: NotesTree; } export type NotesTree = { children?: NotesTree[]; };",
    );
  });

  it("are those that the server's own command writes", async () => {
    const path = new URL("../../../../../tests/vectors/types.json", import.meta.url);
    const { cases } = JSON.parse(await readFile(path, "utf8"));
    for (const { name, collections, functions, declarations, text } of cases) {
      expect(typesOf(collections, functions, declarations).split("\n"), name).toEqual(text);
      expect(faults(text.join("\n")), name).toEqual([]);
    }
  });

  it("are any JSON where there is no schema, and where one is too deep", () => {
    expect(written(undefined)).toBe("export type Notes = Record<string, Json>;");
    const deep = Array.from({ length: 100 }).reduce<object>((items) => ({ type: "array", items }), { type: "string" });
    expect(field(deep)).toMatch(/^Json(\[\])+$/);
  });

  it("have names that don't collide", () => {
    const text = typesOf([
      { name: "schema" },
      { name: "json" },
      { name: "my_notes" },
      { name: "myNotes" },
      { name: "MyNotes" },
    ]);
    expect(text.match(/^ {2}.*$/gm)).toEqual([
      "  MyNotes: MyNotes;",
      "  json: Json2;",
      "  myNotes: MyNotes2;",
      "  my_notes: MyNotes3;",
      "  schema: Schema2;",
    ]);
    expect(faults(text)).toEqual([]);
  });
});
