import { DEPTH, fault, IN_LIST } from "./faults.js";
import { CONVERSION, convert, negated } from "./functions.js";
import type { Node } from "./syntax.js";
import { Box, mapOf, TYPES } from "./values.js";

/** Names that are neither fields of the document nor elements of macros. */
const RESERVED = /^(auth|request|doc|next|vars|params)$/;
const SERVER = /^(get|exists|unchanged|limit|matches)$/;
/** Methods with their numbers of arguments. */
const METHODS =
  /^((startsWith|endsWith|contains|matches)1|size0|distance2|(exists|all|exists_one|existsOne|map|filter)2|map3)$/;
const BINARY = /^([=!]=|[<>]=?|in|[-+*/%])$/;
const MACRO = /^(exists|all|exists_one|existsOne|map|filter)$/;

/**
 * Checks names, functions and bounds, and makes a tree that can be evaluated of the one that was written: names become
 * places (`element` has its number in `value`), what is constant is folded. Nodes stay as many as the server counts.
 */
export class Checker {
  /** Whether the result depends on `request.time`. */
  usesTime = false;
  readonly #elements: string[] = [];

  readonly #source: string;
  /** Whether `auth` is in scope: in rules it is, in filters not. */
  readonly #auth: boolean;

  constructor(source: string, auth: boolean) {
    this.#source = source;
    this.#auth = auth;
  }

  check(node: Node, depth = 1): Node {
    if (depth > DEPTH) throw this.#fault(node, `The expression is nested deeper than ${DEPTH}.`);
    switch (node.kind) {
      case "constant":
        return node;
      case "name":
        return this.#name(node);
      case "select":
        return this.#select(node, depth);
      case "index":
        return this.#index(node, depth);
      case "call":
        return this.#call(node, depth);
      case "method":
        return this.#method(node, depth);
      default:
        return this.#operation(node, depth);
    }
  }

  #fault(node: Node, message: string) {
    return fault(this.#source, node.at, message);
  }

  #serverOnly(node: Node, what: string) {
    return fault(this.#source, node.at, `${what} is known to the server only.`, "server_only");
  }

  #name(node: Node): Node {
    const { text } = node;
    const slot = this.#elements.lastIndexOf(text);
    if (slot >= 0) return { ...node, kind: "element", value: slot };
    if (!RESERVED.test(text)) return { ...node, kind: "select", parts: [{ ...node, text: "doc" }] };
    if (text === "doc" || text === "vars" || (text === "auth" && this.#auth)) return node;
    if (text === "request") throw this.#serverOnly(node, "request, but for its time,");
    throw this.#fault(node, `\`${text}\` can't be used here; the field is doc.${text}.`);
  }

  #select(node: Node, depth: number): Node {
    const [operand] = node.parts as [Node];
    const isTime = operand.kind === "name" && operand.text === "request" && node.text === "time";
    if (isTime && !this.#elements.includes("request")) {
      this.usesTime = true;
      return { ...node, kind: "name", text: "time" };
    }
    return { ...node, parts: [this.check(operand, depth + 1)] };
  }

  /** With a constant text it is a field like any other. */
  #index(node: Node, depth: number): Node {
    const [operand, index] = node.parts as [Node, Node];
    const key = this.check(index, depth + 1);
    if (key.kind === "constant" && typeof key.value === "string") {
      return this.#select({ ...node, kind: "select", text: key.value, parts: [operand] }, depth);
    }
    return { ...node, parts: [this.check(operand, depth + 1), key] };
  }

  #operation(node: Node, depth: number): Node {
    const { kind } = node;
    const parts = node.parts.map((part, at) => {
      const other = BINARY.test(kind) ? node.parts[1 - at] : undefined;
      const isType = other?.kind === "call" && other.text === "type";
      return (isType && typeNames(part)) || this.check(part, depth + 1);
    });
    const list = node.parts[1];
    if (kind === "in" && list?.kind === "list" && list.parts.length > IN_LIST) {
      throw this.#fault(list, `\`in\` takes at most ${IN_LIST} values.`);
    }
    return folded({ ...node, parts });
  }

  #call(node: Node, depth: number): Node {
    const { text, parts } = node;
    const [argument, more] = parts;
    if (SERVER.test(text) && argument) throw this.#serverOnly(node, `${text}()`);
    if (argument && !more && text === "has") return this.#has(node, argument, depth);
    if (!argument || more || !(text === "size" || CONVERSION.test(text))) throw this.#unknown(node);
    const checked = this.check(argument, depth + 1);
    // A filter takes timestamp() of such fields only that hold texts; a number there is none.
    const isStored = text === "timestamp" && isField(checked);
    return this.#literal({ ...node, parts: [checked], value: isStored });
  }

  /** `timestamp('…')` and `duration('…')` are constants, and wrong ones are faults. */
  #literal(node: Node): Node {
    const [argument] = node.parts as [Node];
    const isText = argument.kind === "constant" && typeof argument.value === "string";
    if (!isText || !/^(timestamp|duration)$/.test(node.text)) return node;
    try {
      return { ...node, kind: "literal", value: convert(node.text, argument.value) };
    } catch {
      const example = node.text === "duration" ? "1h30m" : "2026-11-22T08:00:00Z";
      throw this.#fault(argument, `This is no ${node.text}, such as ${example}.`);
    }
  }

  #unknown(node: Node) {
    return this.#fault(node, `There is no function ${node.text}() with these arguments.`);
  }

  /** `has(operand.field)`, `has(operand["field"])`; `has(field)` of the document. */
  #has(node: Node, argument: Node, depth: number): Node {
    const isPlace = /^(select|index|name)$/.test(argument.kind);
    const place = isPlace ? this.check(argument, depth) : argument;
    if (place.text === "time" && place.kind === "name") return { ...place, kind: "constant", value: true };
    if (place.kind !== "select") throw this.#fault(node, "Write has(doc.title).");
    return { ...place, kind: "has" };
  }

  #method(node: Node, depth: number): Node {
    const { text } = node;
    const [target, ...given] = node.parts as [Node, ...Node[]];
    const isGeo = target.kind === "name" && target.text === "geo";
    if (!METHODS.test(text + given.length) || (text === "distance" && !isGeo)) throw this.#unknown(node);
    if (text === "matches") throw this.#serverOnly(node, "matches()");
    if (MACRO.test(text)) return this.#macro(node, depth);
    const parts = (text === "distance" ? given : node.parts).map((part) => this.check(part, depth + 1));
    return { ...node, kind: "call", parts };
  }

  /** `list.name(element, condition)`; `map` may have a condition before its value. */
  #macro(node: Node, depth: number): Node {
    const [target, element, ...bodies] = node.parts as [Node, Node, ...Node[]];
    const range = this.check(target, depth + 1);
    if (element.kind !== "name") throw this.#fault(element, `${node.text}() wants the element's name first.`);
    if (RESERVED.test(element.text)) throw this.#fault(element, `\`${element.text}\` is taken.`);
    const value = this.#elements.push(element.text) - 1;
    const parts = [range, ...bodies.map((body) => this.check(body, depth + 1))];
    this.#elements.pop();
    return { ...node, kind: "macro", parts, value };
  }
}

/** A place within the document. */
function isField({ kind, text, parts }: Node): boolean {
  return kind === "select" ? isField(parts[0] as Node) : kind === "name" && text === "doc";
}

/** The names of types, which mean types only beside a `type(…)`. */
function typeNames(node: Node): Node | undefined {
  if (node.kind === "name" && TYPES.test(node.text)) {
    return { ...node, kind: "literal", value: new Box("type", node.text) };
  }
  const parts = node.kind === "list" ? node.parts.map(typeNames) : [undefined];
  return parts.includes(undefined) ? undefined : { ...node, parts: parts as Node[] };
}

/** A list, a map or a signed number of constants is one itself, and one step. */
function folded(node: Node): Node {
  const { kind, parts } = node;
  if (!/^(list|map|neg)$/.test(kind) || parts.some((part) => part.kind !== "constant")) return node;
  const values = parts.map((part) => part.value);
  try {
    const value = kind === "list" ? values : kind === "map" ? mapOf(values) : negated(values[0] ?? null);
    return { ...node, kind: "constant", value };
  } catch {
    // An error of each evaluation.
    return node;
  }
}
