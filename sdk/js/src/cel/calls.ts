import type { Context } from "./context.js";
import { fail } from "./faults.js";
import { CONVERSIONS, size } from "./functions.js";
import { distance } from "./geo.js";
import { type Condition, condition, decide, type Machine, type Part, type Run } from "./machine.js";
import { has, isField, isTaken } from "./names.js";
import type { Node } from "./syntax.js";
import { Double, isList, typeOf, unfit, type Value } from "./values.js";

const SERVER = /^(get|exists|unchanged|limit|matches)$/;
const MACROS = /^(exists|all|exists_one|existsOne|map|filter)$/;
const TESTS = new Map<string, (text: string, part: string) => boolean>([
  ["startsWith", (text, part) => text.startsWith(part)],
  ["endsWith", (text, part) => text.endsWith(part)],
  ["contains", (text, part) => text.includes(part)],
]);

/** `name(…)` */
export function call(context: Context, node: Node, depth: number): Part {
  const { text, parts } = node;
  const [argument] = parts;
  if (SERVER.test(text) && parts.length > 0) throw context.serverOnly(node, `${text}()`);
  if (argument && parts.length === 1) {
    if (text === "has") return has(context, node, argument, depth);
    if (text === "size") return sized(context.build(argument, depth + 1).run);
    const convert = CONVERSIONS.get(text);
    if (convert) return conversion(context, argument, text, convert, depth);
  }
  throw unknown(context, node);
}

/** `target.name(…)` */
export function method(context: Context, node: Node, depth: number): Part {
  const { text, parts } = node;
  const [target, first, second] = parts as [Node, Node?, Node?];
  const inner = (part: Node) => context.build(part, depth + 1).run;
  if (text === "size" && !first) return sized(inner(target));
  if (first && second && target.kind === "name" && target.text === "geo" && text === "distance" && parts.length === 3) {
    return distanced(inner(first), inner(second));
  }
  if (first && second && MACROS.test(text) && parts.length <= (text === "map" ? 4 : 3)) {
    return macro(context, node, depth);
  }
  const test = TESTS.get(text);
  if (test && first && !second) return tested(inner(target), inner(first), test);
  if (text === "matches" && first && !second) throw context.serverOnly(node, "matches()");
  throw unknown(context, node);
}

function unknown(context: Context, node: Node) {
  const isKnown =
    MACROS.test(node.text) || SERVER.test(node.text) || TESTS.has(node.text) || CONVERSIONS.has(node.text);
  const isWord = isKnown || /^(size|has|distance)$/.test(node.text);
  return context.fault(
    node,
    isWord ? `${node.text}() isn't written with these arguments.` : `There is no function ${node.text}().`,
  );
}

function sized(of: Run): Part {
  return {
    run(machine) {
      const value = of(machine);
      if (typeof value === "string") machine.takeForText(value);
      return size(value);
    },
  };
}

function tested(target: Run, argument: Run, test: (text: string, part: string) => boolean): Part {
  return {
    run(machine) {
      const [text, part] = [target(machine), argument(machine)];
      if (typeof text !== "string") return unfit("a text", text);
      if (typeof part !== "string") return unfit("a text", part);
      machine.takeForText(text);
      return test(text, part);
    },
  };
}

function distanced(from: Run, to: Run): Part {
  return {
    run(machine) {
      const [left, right] = [from(machine), to(machine)];
      return Double.of(distance(left, right));
    },
  };
}

function conversion(
  context: Context,
  argument: Node,
  name: string,
  convert: (value: Value) => Value,
  depth: number,
): Part {
  const { run, constant } = context.build(argument, depth + 1);
  if (typeof constant === "string" && (name === "timestamp" || name === "duration")) {
    try {
      const value = convert(constant);
      return { run: () => value };
    } catch {
      const example = name === "timestamp" ? "time, such as 2026-11-22T08:00:00Z" : "duration, such as 1h30m";
      throw context.fault(argument, `This is no ${example}.`);
    }
  }
  // A filter takes timestamp() of such fields only that hold texts; a number there is none.
  const isStored = name === "timestamp" && isField(context, argument);
  return {
    run(machine) {
      const value = run(machine);
      return isStored && typeOf(value) === "int" ? unfit("a text in RFC 3339's form", value) : convert(value);
    },
  };
}

/** `list.name(element, condition)`; `map` may have a condition before its value. */
function macro(context: Context, node: Node, depth: number): Part {
  const [target, element, ...bodies] = node.parts as [Node, Node, ...Node[]];
  const { run: range } = context.build(target, depth + 1);
  if (element.kind !== "name") throw context.fault(element, `${node.text}() wants a name for the element first.`);
  if (isTaken(element.text)) throw context.fault(element, `\`${element.text}\` is taken: choose another name.`);
  const slot = context.variables.push(element.text) - 1;
  const parts = bodies.map((body) => context.build(body, depth + 1));
  context.variables.pop();
  const [first, last] = [parts[0] as Part, parts[parts.length - 1] as Part];
  const ask = node.text === "map" && parts.length === 1 ? () => true : condition(first);
  const apply = MAKERS.get(node.text);
  return {
    run(machine) {
      const list = range(machine);
      if (!isList(list)) return unfit("a list", list);
      const set = (item: Value) => {
        machine.elements[slot] = item;
      };
      return apply ? apply(machine, list, set, ask, last.run) : fail("this has no value");
    },
  };
}

type Maker = (machine: Machine, list: readonly Value[], set: (item: Value) => void, ask: Condition, body: Run) => Value;

function* asks(list: readonly Value[], set: (item: Value) => void, ask: Condition): Generator<Condition> {
  for (const item of list) {
    yield (machine) => {
      set(item);
      return ask(machine);
    };
  }
}

function kept(machine: Machine, list: readonly Value[], set: (item: Value) => void, ask: Condition): Value[] {
  return list.filter((item) => {
    set(item);
    return ask(machine);
  });
}

const existsOne: Maker = (machine, list, set, ask) => kept(machine, list, set, ask).length === 1;

const MAKERS = new Map<string, Maker>([
  ["exists", (machine, list, set, ask) => decide(true, machine, asks(list, set, ask))],
  ["all", (machine, list, set, ask) => decide(false, machine, asks(list, set, ask))],
  ["exists_one", existsOne],
  ["existsOne", existsOne],
  ["filter", kept],
  [
    "map",
    (machine, list, set, ask, body) => {
      const made: Value[] = [];
      for (const item of list) {
        set(item);
        if (ask(machine)) made.push(body(machine));
      }
      return made;
    },
  ],
]);
