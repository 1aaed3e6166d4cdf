/** Choices that a seed decides: a failing case can be made again. */
export class Dice {
  constructor(private state: number) {}

  /** From 0 to `sides - 1`. */
  roll(sides: number): number {
    // Numerical Recipes' generator; the upper bits are the better ones.
    this.state = (Math.imul(this.state, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.state >>> 8) % sides;
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.roll(choices.length)] as T;
  }
}

const SCALARS = [0, 1, 2, -1, 1.5, 1e300, "", "a", "b", "é", "\u{10000}", true, false, null];
const NAMES = ["a", "b", "n", "s", "l", "m", "constructor", "__proto__"];

/** JSON of some depth, as `JSON.parse` would give it. */
export function json(dice: Dice, depth: number): unknown {
  const kind = depth === 0 ? 0 : dice.roll(4);
  if (kind < 2) return dice.pick(SCALARS);
  const count = dice.roll(4);
  if (kind === 2) return Array.from({ length: count }, () => json(dice, depth - 1));
  const members = Array.from(
    { length: count },
    () => `${JSON.stringify(dice.pick(NAMES))}:${text(json(dice, depth - 1))}`,
  );
  return JSON.parse(`{${members.join()}}`);
}

function text(value: unknown): string {
  return JSON.stringify(value);
}

const BINARY = ["==", "!=", "<", "<=", ">", ">=", "in", "+", "-", "*", "/", "%", "&&", "||"];
const LEAVES = [
  "a",
  "doc.n",
  "s",
  "l",
  "m.a",
  "m['b']",
  "doc",
  "vars.x",
  "1",
  "1.0",
  "-2",
  "'a'",
  "null",
  "true",
  "[]",
  "{}",
];
const CALLS = ["size", "int", "double", "string", "bool", "type", "timestamp", "duration"];

/** An expression, mostly without meaning: any part may be of any type. */
export function expression(dice: Dice, depth: number): string {
  const inner = () => expression(dice, depth - 1);
  if (depth === 0) return dice.pick(LEAVES);
  switch (dice.roll(9)) {
    case 0:
      return dice.pick(LEAVES);
    case 1:
      return `!(${inner()})`;
    case 2:
      return `-(${inner()})`;
    case 3:
      return `(${inner()} ? ${inner()} : ${inner()})`;
    case 4:
      return `(${inner()}).${dice.pick(["exists", "all", "exists_one", "map", "filter"])}(e, ${inner()})`;
    case 5:
      return `${dice.pick(CALLS)}(${inner()})`;
    case 6:
      return `[${inner()}, ${inner()}][${inner()}]`;
    case 7:
      return `(${inner()}).${dice.pick(["startsWith", "endsWith", "contains"])}(${inner()})`;
    default:
      return `(${inner()} ${dice.pick(BINARY)} ${inner()})`;
  }
}
