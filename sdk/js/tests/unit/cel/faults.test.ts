import { describe, expect, it } from "vitest";
import { compile } from "../../../src/cel/index.js";
import { BasaltError } from "../../../src/errors.js";

function refusal(source: string, options?: { auth?: boolean }): BasaltError {
  try {
    compile(source, options);
  } catch (error) {
    if (error instanceof BasaltError) return error;
    throw error;
  }
  throw new Error(`${source} compiles`);
}

describe("what is refused when it is compiled", () => {
  it.each<[source: string, line: number, column: number, part: string]>([
    ["", 1, 1, "write true"],
    [" // nothing", 1, 1, "write true"],
    ["a &&", 1, 5, "ends too early"],
    ["a and b", 1, 3, "`and` is not expected"],
    ["a ==\n  'é' 'x'", 2, 7, "not expected"],
    ["a ==\n 'é' == == 1", 2, 9, "not expected"],
    ["if == 1", 1, 1, "reserved"],
    ["a == 99999999999999999999", 1, 6, "out of range"],
    ["a == 1e999", 1, 6, "out of range"],
    ["a = 1", 1, 3, "no meaning"],
    ["f(a,)", 1, 5, "not expected"],
    ["a ? b", 1, 6, "ends too early"],
    ["a.in == 1", 1, 3, "not expected"],
    ["a.?b", 1, 3, "not expected"],
    ["'\\ud800' == a", 1, 1, "no character"],
    ["'\\x00' == a", 1, 1, "U+0000"],
    ["'abc", 1, 1, "never closed"],
    ["'\\q' == a", 1, 1, "unknown escape"],
    ["'é𝒳' == 'a' &&\n\t@", 2, 2, "no meaning"],
    ["a == b'x'", 1, 6, "byte strings"],
    ["a == 1u", 1, 6, "unsigned"],
    ["a == 1 b", 1, 8, "not expected"],
    ["(a", 1, 3, "ends too early"],
    ["a)", 1, 2, "not expected"],
    ["auth.id == 'a'", 1, 1, "can't be used here"],
    ["next == 1", 1, 1, "doc.next"],
    ["lower(a) == 'x'", 1, 1, "no function lower()"],
    ["a.trim() == 'x'", 1, 1, "no function trim()"],
    ["size() == 1", 1, 1, "no function size() with these arguments"],
    ["has(doc)", 1, 1, "has(doc.title)"],
    ["has(a[0])", 1, 1, "has(doc.title)"],
    ["l.exists(x)", 1, 1, "with these arguments"],
    ["l.filter(x, true, x) == l", 1, 1, "with these arguments"],
    ["l.exists(1, true)", 1, 10, "name first"],
    ["l.exists(doc, true)", 1, 10, "is taken"],
    ["constructor(a)", 1, 1, "no function constructor()"],
    ["timestamp('2026-13-01T00:00:00Z') < request.time", 1, 11, "no timestamp"],
    ["duration('1 hour') > duration('1m')", 1, 10, "no duration"],
  ])("%j at line %i, column %i", (source, line, column, part) => {
    const error = refusal(source);
    expect({ code: error.code, ...error.errors[0] }).toMatchObject({
      code: "bad_filter",
      path: "/filter",
      line,
      column,
    });
    expect(error.message).toContain(part);
  });

  it("says that only the server knows what it keeps", () => {
    const sources = ["get('a', 'b').c == 1", "exists('a', doc.b)", "limit('a', 1, duration('1m'))", "unchanged('a')"];
    for (const source of [...sources, "a.matches('b')", "matches(a, 'b')", "request.ip == '::1'", "request == a"]) {
      expect(refusal(source).code, source).toBe("server_only");
    }
    // What is wrong anyhow is wrong before that.
    expect(refusal("get('a', 'b'").code).toBe("bad_filter");
  });

  it("bounds length, nesting and lists as the server does", () => {
    expect(refusal(`a == '${"x".repeat(8 << 10)}'`).message).toContain("8192 bytes");
    expect(refusal(`a == '${"é".repeat(4 << 10)}'`).message).toContain("8192 bytes");
    const deep = (levels: number) => `${"[".repeat(levels)}doc.a${"]".repeat(levels)} == 1`;
    compile(deep(29));
    expect(refusal(deep(30)).message).toContain("deeper than 32");
    compile(`${"doc.a + ".repeat(29)}1 == doc.a`);
    expect(refusal(`${"doc.a + ".repeat(40)}1 == doc.a`).message).toContain("deeper than 32");
    compile(`${"(".repeat(32)}true${")".repeat(32)}`);
    expect(refusal(`${"(".repeat(33)}true${")".repeat(33)}`).message).toContain("deeper than 32");
    compile(`${"a == 1 || ".repeat(500)}true`);
    compile(`a in [${"'b', ".repeat(999)}'b']`);
    expect(refusal(`a in [${"'b', ".repeat(1000)}'b']`).message).toContain("at most 1000");
  });

  it("answers hostile nesting at once", () => {
    for (const part of [
      "(",
      "[",
      "{'a':",
      "!(",
      "f(",
      "a[",
      "a?(",
      "-(",
      "a.b(",
      "a+(",
      "1+",
      "a.",
      "a<",
      "a?1:",
      "!",
    ]) {
      for (const times of [33, 500, 8000]) expect(refusal(part.repeat(times)).code, part).toBe("bad_filter");
    }
  });
});

describe("evaluation", () => {
  it("of a name without a value is an error", () => {
    for (const source of ["a == 1", "doc.a == 1", "request.time > timestamp('2026-01-01T00:00:00Z')", "vars.a == 1"]) {
      expect(compile(source).evaluate({}), source).toBe("error");
    }
    expect(compile("auth == null", { auth: true }).evaluate({})).toBe(true);
  });

  it("knows whether the answer depends on the time", () => {
    expect(compile("a == 1").usesTime).toBe(false);
    const program = compile("timestamp(endsAt) > request.time");
    expect(program.usesTime).toBe(true);
    const doc = { endsAt: "2026-11-22T08:00:00.000Z" };
    expect(program.evaluate({ doc, time: Date.parse("2026-11-22T07:59:59.999Z") })).toBe(true);
    expect(program.evaluate({ doc, time: Date.parse("2026-11-22T08:00:00Z") })).toBe(false);
  });

  it("ends when its steps run out, whatever stands beside", () => {
    const doc = { l: Array.from({ length: 300 }, (_, n) => n), s: "x".repeat(1 << 20), big: Array(40_000).fill("x") };
    for (const source of [
      "l.all(a, l.all(b, a + b >= 0))",
      "l.exists(a, s.contains('y'))",
      "l.exists(a, 'y' in big)",
      "l.exists(a, big == big && a < 0)",
      "l.exists(a, size(s + s) == 1)",
      "l.map(a, big + big).size() == 1",
    ]) {
      // An error would be absorbed.
      expect(compile(`${source} || true`).evaluate({ doc }), source).toBe("error");
    }
    expect(compile("'x' in big && !('y' in big)").evaluate({ doc })).toBe(true);
  });
});
