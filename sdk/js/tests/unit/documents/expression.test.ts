import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { all, any, cel, not, where } from "../../../src/index.js";

const compiled = (expression: { compile(): unknown }) => expression.compile();

describe("conditions", () => {
  it("keep values out of the text", () => {
    expect(compiled(where("status", "==", 'open" || true'))).toEqual({
      filter: "doc.status == vars.v0",
      vars: { v0: 'open" || true' },
    });
  });

  it("put parentheses where they are needed and nowhere else", () => {
    const [a, b, c] = [where("a", "==", 1), where("b", "==", 2), where("c", "==", 3)];
    expect(all(a, b, c).compile().filter).toBe("doc.a == vars.v0 && doc.b == vars.v1 && doc.c == vars.v2");
    expect(a.and(b).or(c).compile().filter).toBe("(doc.a == vars.v0 && doc.b == vars.v1) || doc.c == vars.v2");
    expect(a.or(b).and(c).compile().filter).toBe("(doc.a == vars.v0 || doc.b == vars.v1) && doc.c == vars.v2");
    expect(not(any(a, b)).compile()).toEqual({
      filter: "!(doc.a == vars.v0 || doc.b == vars.v1)",
      vars: { v0: 1, v1: 2 },
    });
  });

  it("write names that are no identifiers as strings", () => {
    expect(where("foo-bar.in", "==", 1).compile().filter).toBe('doc["foo-bar"]["in"] == vars.v0');
    expect(where(["a.b", 'c"]'], "==", 1).compile().filter).toBe('doc["a.b"]["c\\"]"] == vars.v0');
    expect(where("a.b", "has", false).compile().filter).toBe("!(has(doc.a.b))");
    expect(where("a.b-c", "has", true).compile().filter).toBe('"b-c" in doc.a');
  });

  it.each(["", "a..b", "$where", "a\nb", "x".repeat(129), "\ud800"])("refuse %j as a name", (name) => {
    expect(() => where(name, "==", 1)).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("give names that try to be code their quotes", () => {
    const { filter } = where('a"] == 1 || doc["b', "==", 1).compile();
    expect(filter).toBe('doc["a\\"] == 1 || doc[\\"b"] == vars.v0');
  });

  it.each([undefined, Number.NaN, Number.POSITIVE_INFINITY, () => 1, Symbol("x"), new Map(), 1n])(
    "refuse %s as a value",
    (value) => {
      expect(() => where("a", "==", value)).toThrow(expect.objectContaining({ code: "bad_argument" }));
      expect(() => where("a", "in", [value])).toThrow(expect.objectContaining({ code: "bad_argument" }));
    },
  );

  it("bind dates as documents hold them, and copies of what could change", () => {
    const list = [{ at: new Date(0) }];
    const condition = where("a", "in", list);
    list.length = 0;
    expect(condition.compile().vars).toEqual({ v0: [{ at: "1970-01-01T00:00:00.000Z" }] });
  });

  it("bind maps of other realms, and no instances of classes", () => {
    const foreign = runInNewContext("({ a: [new Date(0)] })");
    const bare = Object.assign(Object.create(null), { b: 1 });
    expect(where("a", "in", [foreign, bare]).compile().vars).toEqual({
      v0: [{ a: ["1970-01-01T00:00:00.000Z"] }, { b: 1 }],
    });
    class Point {
      x = 1;
    }
    expect(() => where("a", "==", new Point())).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("refuse operators that aren't, and operands that don't fit", () => {
    expect(() => where("a", "=" as "==", 1)).toThrow(/no operator/);
    expect(() => where("a", "in", "text")).toThrow(/list/);
    expect(() => where("a", "startsWith", 1)).toThrow(/text/);
    expect(() => where("a", "has", "yes")).toThrow(/true or false/);
    expect(() => all()).toThrow(/one condition/);
  });
});

describe("the template tag", () => {
  it("binds what is put in, conditions too", () => {
    const mine = any(where("owner", "==", "u1"), cel`${"u1"} in doc.members`);
    expect(compiled(cel`doc.n > ${1} && ${mine} && !has(doc.gone)`)).toEqual({
      filter: "(doc.n > vars.v0 && (doc.owner == vars.v1 || (vars.v2 in doc.members)) && !has(doc.gone))",
      vars: { v0: 1, v1: "u1", v2: "u1" },
    });
  });

  it("refuses a value inside quotes or a comment, where it would be text", () => {
    const name = "x";
    for (const make of [
      () => cel`doc.a == "${name}"`,
      () => cel`doc.a == '${name}'`,
      () => cel`doc.a == """\n"${name}"""`,
      () => cel`doc.a == "\\" ${name}"`,
      () => cel`doc.a == r'\' // ${name}`,
      () => cel`doc.a == 1 // ${name}`,
      () => cel`doc.a == "${name}`,
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: "bad_argument" }));
    }
  });

  it("lets quotes and slashes be that have nothing to do with it", () => {
    expect(cel`doc.a == "it's" && doc.b == ${1}`.compile().filter).toBe(`(doc.a == "it's" && doc.b == vars.v0)`);
    expect(cel`doc.a == 'x//y' && doc.b == ${1}`.compile().vars).toEqual({ v0: 1 });
    expect(cel`doc.b == r"\\" + ${"z"}`.compile().vars).toEqual({ v0: "z" });
  });
});
