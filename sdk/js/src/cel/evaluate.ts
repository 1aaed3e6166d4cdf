import { EXHAUSTED, FAILED, fail, STEPS } from "./faults.js";
import { arithmetic, convert, negated, size } from "./functions.js";
import { distance } from "./geo.js";
import type { Node } from "./syntax.js";
import { utf8Length } from "./text.js";
import {
  equal,
  isList,
  isMap,
  isTime,
  type Members,
  mapOf,
  member,
  order,
  text,
  typeOf,
  type Value,
} from "./values.js";

/** What names are bound to: `doc`, `vars`, `auth`, `time`. */
export type Names = { readonly [name: string]: Value | undefined };

/** Evaluates a checked tree once, as far as its steps go. */
export class Evaluation {
  #steps = STEPS;
  /** Of the enclosing macros. */
  readonly #elements: Value[] = [];

  readonly #names: Names;

  constructor(names: Names) {
    this.#names = names;
  }

  /** A value that is neither true nor false is an error. */
  condition(node: Node): boolean {
    const value = this.#value(node);
    return typeof value === "boolean" ? value : fail();
  }

  #value(node: Node): Value {
    this.#take(1);
    const { kind, parts } = node;
    const [first, second, third] = parts as [Node, Node, Node];
    switch (kind) {
      case "constant":
      case "literal":
        return node.value;
      case "name":
        return present(this.#names[node.text]);
      case "element":
        return this.#elements[node.value as number] as Value;
      case "select":
        return present(member(map(this.#value(first)), node.text));
      case "has":
        return Object.hasOwn(map(this.#value(first)), node.text);
      case "index":
        return indexed(this.#value(first), this.#value(second));
      case "list":
        return parts.map((part) => this.#value(part));
      case "map":
        return mapOf(parts.map((part) => this.#value(part)));
      case "&&":
      case "||":
        return this.#decide(kind === "||", parts, (part) => this.condition(part));
      case "?":
        return this.#value(this.condition(first) ? second : third);
      case "!":
        return !this.condition(first);
      case "neg":
        return negated(this.#value(first));
      case "macro":
        return this.#macro(node);
      case "call":
        return this.#call(
          node,
          parts.map((part) => this.#value(part)),
        );
      default:
        return this.#binary(kind, this.#value(first), this.#value(second));
    }
  }

  #take(steps: number): void {
    this.#steps -= Math.trunc(steps);
    if (this.#steps < 0) throw EXHAUSTED;
  }

  /** For work on a long text. */
  #takeForText(value: Value): void {
    if (typeof value === "string" && value.length > 1024) this.#take(utf8Length(value) / 4096);
  }

  /**
   * Asks until one has the truth value that decides alone (false for `&&` and `all`, true for `||` and `exists`). An
   * error decides nothing: it is the result if no other decides.
   */
  #decide<T>(decider: boolean, items: readonly T[], ask: (item: T) => boolean): boolean {
    let isFailed = false;
    for (const item of items) {
      try {
        if (ask(item) === decider) return decider;
      } catch (error) {
        if (error !== FAILED) throw error;
        isFailed = true;
      }
    }
    return isFailed ? fail() : !decider;
  }

  #macro({ text: name, parts, value: slot }: Node): Value {
    const [range, first, last] = parts as [Node, Node, Node?];
    const list = this.#value(range);
    if (!isList(list)) return fail();
    const ask = (item: Value) => {
      this.#elements[slot as number] = item;
      return (name === "map" && !last) || this.condition(first);
    };
    if (name === "exists" || name === "all") return this.#decide(name === "exists", list, ask);
    const kept: Value[] = [];
    for (const item of list) {
      if (ask(item)) kept.push(name === "map" ? this.#value(last ?? first) : item);
    }
    return name === "map" || name === "filter" ? kept : kept.length === 1;
  }

  #call({ text: name, value: isStored }: Node, [first = null, second = null]: Value[]): Value {
    switch (name) {
      case "distance":
        return distance(first, second);
      case "size":
        this.#takeForText(first);
        return size(first);
      case "startsWith":
      case "endsWith":
      case "contains":
        this.#takeForText(first);
        return text(first)[name === "contains" ? "includes" : name](text(second));
      default:
        return isStored && typeOf(first) === "int" ? fail() : convert(name, first);
    }
  }

  #binary(sign: string, left: Value, right: Value): Value {
    switch (sign) {
      case "==":
      case "!=": {
        if ((isTime(left) || isTime(right)) && typeOf(left) !== typeOf(right)) return fail();
        if (typeof right === "string") this.#takeForText(left);
        return this.#equal(left, right) === (sign === "==");
      }
      case "<":
      case "<=":
      case ">":
      case ">=": {
        const found = present(order(left, right));
        return found === 0 ? sign.length === 2 : found < 0 === sign.startsWith("<");
      }
      case "in":
        if (!isList(right)) return hasKey(map(right), left);
        this.#take(right.length / 256);
        return right.some((item) => this.#equal(left, item));
      default:
        if (typeof left === "string" && typeof right === "string") this.#takeForText(left + right);
        if (isList(left) && isList(right)) this.#take((left.length + right.length) / 16);
        return arithmetic(sign, left, right);
    }
  }

  #equal(left: Value, right: Value): boolean {
    return equal(left, right, () => this.#take(1));
  }
}

function present<T>(value: T | undefined): T {
  return value === undefined ? fail() : value;
}

function map(value: Value) {
  return isMap(value) ? value : fail();
}

function hasKey(holder: Members, key: Value): boolean {
  return typeof key === "string" && Object.hasOwn(holder, key);
}

function indexed(holder: Value, key: Value): Value {
  if (!isList(holder)) return present(member(map(holder), text(key)));
  return typeOf(key) === "int" ? present(holder[Number(key)]) : fail();
}
