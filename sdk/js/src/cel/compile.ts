import { call, method } from "./calls.js";
import { Context } from "./context.js";
import { fail } from "./faults.js";
import { type Condition, condition, constantly, decide, type Part, type Run } from "./machine.js";
import { field, index, name } from "./names.js";
import { operator } from "./operators.js";
import { type Node, parse } from "./syntax.js";
import { type Members, unfit, type Value } from "./values.js";

/** An expression as a function, and whether its result depends on `request.time`. */
export function compileCondition(source: string, auth: boolean): { ask: Condition; usesTime: boolean } {
  const context = new Context(source, auth, make);
  const ask = condition(context.build(parse(source), 1));
  return { ask, usesTime: context.usesTime };
}

function make(context: Context, node: Node, depth: number): Part {
  const inner = (part: Node) => context.build(part, depth + 1);
  switch (node.kind) {
    case "constant":
      return constantly(node.value ?? null);
    case "name":
      return name(context, node);
    case "select":
      return field(context, node, node.text, depth);
    case "index":
      return index(context, node, depth);
    case "list":
      return list(node.parts.map(inner));
    case "map":
      return map(context, node, depth);
    case "&&":
    case "||": {
      const asks = node.parts.map((part) => condition(inner(part)));
      const decider = node.kind === "||";
      return { run: (machine) => decide(decider, machine, asks) };
    }
    case "?:":
      return ternary(node.parts.map(inner));
    case "operator":
      return operator(context, node, depth);
    case "call":
      return call(context, node, depth);
    case "method":
      return method(context, node, depth);
  }
}

function list(parts: Part[]): Part {
  const run: Run = (machine) => parts.map((part) => part.run(machine));
  const constants = parts.map((part) => part.constant);
  const isKnown = (values: (Value | undefined)[]): values is Value[] => !values.includes(undefined);
  return isKnown(constants) ? constantly(constants) : { run };
}

function map(context: Context, node: Node, depth: number): Part {
  const parts = node.parts.map((part) => context.build(part, depth + 1));
  const pairs: [Part, Part][] = [];
  for (let at = 0; at < parts.length; at += 2) {
    const [key, value] = [parts[at] as Part, parts[at + 1] as Part];
    const { constant } = key;
    if (constant !== undefined) {
      const keyNode = node.parts[at] as Node;
      if (typeof constant !== "string") throw context.fault(keyNode, "A map's key has to be a text.");
      if (pairs.some(([before]) => before.constant === constant)) {
        throw context.fault(keyNode, "The key appears twice.");
      }
    }
    pairs.push([key, value]);
  }
  if (parts.every((part) => part.constant !== undefined)) {
    return constantly(made(pairs.map(([key, value]) => [key.constant as string, value.constant as Value])));
  }
  return {
    run(machine) {
      const entries = new Map<string, Value>();
      for (const [key, value] of pairs) {
        const text = key.run(machine);
        if (typeof text !== "string") return unfit("a text as key", text);
        machine.take(entries.size / 16);
        if (entries.has(text)) return fail("the key appears twice");
        entries.set(text, value.run(machine));
      }
      return made(entries);
    },
  };
}

/** A map without a prototype: any key is a member like others. */
function made(entries: Iterable<[string, Value]>): Members {
  const members: Record<string, Value> = Object.create(null);
  for (const [key, value] of entries) members[key] = value;
  return members;
}

function ternary(parts: Part[]): Part {
  const [asked, ifTrue, ifFalse] = parts as [Part, Part, Part];
  const ask = condition(asked);
  return { run: (machine) => (ask(machine) ? ifTrue : ifFalse).run(machine) };
}
