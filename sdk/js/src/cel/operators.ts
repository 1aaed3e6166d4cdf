import type { Context } from "./context.js";
import { fail, IN_LIST } from "./faults.js";
import { arithmetic, negated } from "./functions.js";
import { condition, constantly, counted, type Part, type Run } from "./machine.js";
import type { Node } from "./syntax.js";
import { equal, Instant, isList, isMap, numeric, order, Span, TYPES, TypeName, typeOf, unfit } from "./values.js";

const LEAST = -(2n ** 63n);

export function operator(context: Context, node: Node, depth: number): Part {
  const parts = sides(context, node, depth);
  const { text } = node;
  if (text === "!") {
    const ask = condition(parts[0]);
    return { run: (machine) => !ask(machine) };
  }
  if (text === "neg") return negation(parts[0]);
  const [{ run: left }, { run: right }] = parts;
  if (text === "==" || text === "!=") return { run: equality(left, right, text === "==") };
  if (text === "in") return contained(context, node, left, right);
  const fits = ORDERS.get(text);
  return { run: fits ? ordered(left, right, fits) : computed(text, left, right) };
}

const ORDERS = new Map<string, (order: number) => boolean>([
  ["<", (order) => order < 0],
  ["<=", (order) => order <= 0],
  [">", (order) => order > 0],
  [">=", (order) => order >= 0],
]);

/** Both operands; the names of types mean types only beside a `type(…)`. */
function sides(context: Context, node: Node, depth: number): [Part, Part] {
  const parts = node.parts.map((own, at) => {
    const other = node.parts[1 - at];
    return (other && isTypeCall(other) ? typeNames(own) : undefined) ?? context.build(own, depth + 1);
  });
  return parts as [Part, Part];
}

function typeNames(node: Node): Part | undefined {
  if (node.kind === "name" && TYPES.includes(node.text)) {
    const value = new TypeName(node.text);
    return { run: counted(() => value) };
  }
  if (node.kind !== "list") return undefined;
  const parts = node.parts.map(typeNames);
  const isAll = (all: (Part | undefined)[]): all is Part[] => !all.includes(undefined);
  return isAll(parts) ? { run: counted((machine) => parts.map((part) => part.run(machine))) } : undefined;
}

function negation(of: Part): Part {
  const { constant } = of;
  // The least integer has no negation, which is an error of the evaluation.
  const isNumber = constant !== undefined && numeric(constant) !== undefined && constant !== LEAST;
  return isNumber ? constantly(negated(constant)) : { run: (machine) => negated(of.run(machine)) };
}

function equality(left: Run, right: Run, wanted: boolean): Run {
  return (machine) => {
    const [a, b] = [left(machine), right(machine)];
    const isTime = [a, b].some((value) => value instanceof Instant || value instanceof Span);
    if (isTime && typeOf(a) !== typeOf(b)) return fail(`a ${typeOf(a)} and a ${typeOf(b)} can't be compared`);
    if (typeof a === "string" && typeof b === "string") machine.takeForText(a);
    return equal(a, b, machine.step) === wanted;
  };
}

function ordered(left: Run, right: Run, fits: (order: number) => boolean): Run {
  return (machine) => {
    const [a, b] = [left(machine), right(machine)];
    const found = order(a, b);
    return found === undefined ? fail(`a ${typeOf(a)} and a ${typeOf(b)} can't be ordered`) : fits(found);
  };
}

function contained(context: Context, node: Node, left: Run, right: Run): Part {
  const written = node.parts[1] as Node;
  if (written.kind === "list" && written.parts.length > IN_LIST) {
    throw context.fault(written, `\`in\` takes a list of at most ${IN_LIST} values.`);
  }
  return {
    run(machine) {
      const [value, held] = [left(machine), right(machine)];
      if (isList(held)) {
        machine.take(held.length / 256);
        return held.some((item) => equal(value, item, machine.step));
      }
      if (!isMap(held)) return unfit("a list or a map", held);
      return typeof value === "string" && Object.hasOwn(held, value);
    },
  };
}

function computed(text: string, left: Run, right: Run): Run {
  return (machine) => {
    const [a, b] = [left(machine), right(machine)];
    if (typeof a === "string" && typeof b === "string") machine.takeForText(a + b);
    if (isList(a) && isList(b)) machine.take((a.length + b.length) / 16);
    return arithmetic(text, a, b);
  };
}

function isTypeCall(node: Node): boolean {
  return node.kind === "call" && node.text === "type" && node.parts.length === 1;
}
