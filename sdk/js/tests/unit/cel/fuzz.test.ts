import { expect, it } from "vitest";
import { compile } from "../../../src/cel/index.js";
import { isBasaltError } from "../../../src/errors.js";
import { Dice, expression, json } from "./random.js";

function compiled(source: string) {
  try {
    return compile(source, { auth: true });
  } catch (error) {
    if (isBasaltError(error) && /^(bad_filter|server_only)$/.test(error.code) && error.errors[0]?.line)
      return undefined;
    throw new Error(`${JSON.stringify(source)} throws ${String(error)}`);
  }
}

it("any expression on any document is true, false or an error", () => {
  const found = { true: 0, false: 0, error: 0, refused: 0 };
  for (let seed = 0; seed < 6_000; seed++) {
    const dice = new Dice(seed);
    const sides = [expression(dice, dice.roll(4)), expression(dice, dice.roll(4))];
    const source = sides.join(dice.pick([" == ", " != ", " < ", " in "]));
    const program = compiled(source);
    for (let round = 0; round < 3; round++) {
      const result = program?.evaluate({ doc: json(dice, 3), vars: { x: json(dice, 1) } });
      if (result === undefined) found.refused++;
      else found[`${result}`]++;
    }
  }
  // The test is one of evaluation, not of refusals.
  expect(found.true).toBeGreaterThan(200);
  expect(found.false).toBeGreaterThan(200);
  expect(found.refused).toBeLessThan(6_000);
});

it("an expression and its negation agree, and each side of || absorbs the other's error", () => {
  const opposite = (value: boolean | "error") => (value === "error" ? value : !value);
  for (let seed = 0; seed < 3_000; seed++) {
    const dice = new Dice(seed + 1_000_000);
    const source = expression(dice, 1 + dice.roll(4));
    const program = compiled(source);
    if (!program) continue;
    const names = { doc: json(dice, 3), vars: { x: json(dice, 1) } };
    const value = program.evaluate(names);
    const negated = compile(`!(${source})`).evaluate(names);
    expect(negated, source).toBe(opposite(value));
    expect(compile(`(${source}) || true`).evaluate(names), source).toBe(true);
    expect(compile(`false && (${source})`).evaluate(names), source).toBe(false);
    expect(compile(`(${source}) && false`).evaluate(names), source).toBe(false);
  }
});

const SIGNS = [
  ..."'\"\\()[]{}.,?:!&|=<>+-*/% \n\tabinrRu01.9exXU_$@`\0é\u{1F600}",
  "//",
  "&&",
  "||",
  "==",
  "in",
  "has(",
  "'''",
  '"""',
];

it("no text makes the parser throw anything but its own error", () => {
  for (let seed = 0; seed < 20_000; seed++) {
    const dice = new Dice(seed);
    compiled(Array.from({ length: dice.roll(24) }, () => dice.pick(SIGNS)).join(""));
  }
});

it("no damage to a right expression makes it throw anything else", () => {
  for (let seed = 0; seed < 5_000; seed++) {
    const dice = new Dice(seed + 5_000_000);
    const source = expression(dice, 3);
    const at = dice.roll(source.length);
    compiled(source.slice(0, at) + dice.pick(SIGNS) + source.slice(at + dice.roll(3)));
  }
});
