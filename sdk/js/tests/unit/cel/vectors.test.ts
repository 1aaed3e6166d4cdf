import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile } from "../../../src/cel/index.js";

interface Vector {
  expression: string;
  expected: "true" | "false" | "error";
  auth?: unknown;
  doc?: unknown;
  vars?: unknown;
  now?: string;
  local?: boolean;
}

const file = new URL("../../../../../tests/vectors/cel.json", import.meta.url);
const { cases, random }: Record<"cases" | "random", Vector[]> = JSON.parse(readFileSync(file, "utf8"));

function evaluate({ expression, auth = null, doc = {}, vars = {}, now = "2026-11-22T08:00:00.000Z" }: Vector): string {
  return String(compile(expression, { auth: true }).evaluate({ auth, doc, vars, time: Date.parse(now) }));
}

function outcome(vector: Vector): string {
  try {
    return evaluate(vector);
  } catch (error) {
    return String(error);
  }
}

describe("the vectors that the server is checked against", () => {
  it.each([
    ["by hand", cases, 750],
    ["at random", random, 290],
  ])("those made %s come to the same here", (_, vectors, count) => {
    expect(vectors.length).toBeGreaterThanOrEqual(count);
    const wrong = vectors
      .filter((vector) => vector.local !== false)
      .map((vector) => ({ ...vector, found: outcome(vector) }))
      .filter(({ expected, found }) => expected !== found);
    expect(wrong).toEqual([]);
  });

  it("what is left to the server is refused, or is about numbers that JavaScript can't hold", () => {
    for (const vector of cases.filter(({ local }) => local === false)) {
      if (/\b(doc\.big)\b/.test(vector.expression)) continue;
      expect(() => evaluate(vector), vector.expression).toThrow(/known to the server only|can't be used here/);
    }
  });
});
