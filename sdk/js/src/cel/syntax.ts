import { DEPTH, fault, SOURCE_BYTES } from "./faults.js";
import { utf8Length } from "./text.js";
import { type Token, tokenize } from "./tokens.js";
import { Double, type Value, whole } from "./values.js";

/** A node of the tree as it is written. `at` is where it begins, an offset in the source. */
export interface Node {
  kind: "constant" | "name" | "select" | "index" | "list" | "map" | "call" | "method" | "operator" | "?:" | "&&" | "||";
  at: number;
  /** The operator, or the name of a field, function or variable. */
  text: string;
  /** A method's target comes first; a map's keys and values take turns. */
  parts: Node[];
  value?: Value;
}

const RESERVED =
  /^(as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while|in)$/;
const LEVELS = [/^(==|!=|<=?|>=?|in)$/, /^[+-]$/, /^[*/%]$/];
const HINTS = new Map([
  ["and", "&&"],
  ["or", "||"],
  ["not", "!"],
]);
const CONSTANTS = new Map<string, Value>([
  ["true", true],
  ["false", false],
  ["null", null],
]);

/** Parses CEL's grammar as the server's parser does; macros stay the calls that are written. */
export function parse(source: string): Node {
  if (utf8Length(source) > SOURCE_BYTES) throw fault(source, 0, `An expression has at most ${SOURCE_BYTES} bytes.`);
  return new Parser(source, tokenize(source)).whole();
}

class Parser {
  private next = 0;
  private open = 0;
  private branches = 0;

  constructor(
    private readonly source: string,
    private readonly tokens: Token[],
  ) {}

  whole(): Node {
    if (this.tokens.length === 1) throw fault(this.source, 0, "An empty expression matches nothing; write true.");
    const root = this.expression();
    if (this.peek().kind !== "end") this.unexpected();
    return root;
  }

  private expression(): Node {
    const at = this.peek().at;
    const condition = this.logic("||");
    if (!this.take("?")) return condition;
    // Each branch is one deeper in the tree; here only the recursion is bounded, depth is checked with the names.
    if (++this.branches > DEPTH) throw this.tooDeep();
    const ifTrue = this.logic("||");
    this.expect(":");
    const ifFalse = this.expression();
    this.branches--;
    return { kind: "?:", at, text: "?:", parts: [condition, ifTrue, ifFalse] };
  }

  /** `a && (b && c)` is `a && b && c`. */
  private logic(operator: "||" | "&&"): Node {
    const operand = () => (operator === "||" ? this.logic("&&") : this.binary(0));
    const at = this.peek().at;
    const first = operand();
    if (this.peek().text !== operator || this.peek().kind !== "operator") return first;
    const parts: Node[] = [];
    const add = (node: Node) => (node.kind === operator ? parts.push(...node.parts) : parts.push(node));
    add(first);
    while (this.take(operator)) add(operand());
    return { kind: operator, at, text: operator, parts };
  }

  private binary(level: number): Node {
    const signs = LEVELS[level];
    if (!signs) return this.unary();
    const at = this.peek().at;
    let left = this.binary(level + 1);
    for (;;) {
      const { kind, text } = this.peek();
      if ((kind !== "operator" && text !== "in") || kind === "text" || !signs.test(text)) return left;
      this.next++;
      left = { kind: "operator", at, text, parts: [left, this.binary(level + 1)] };
    }
  }

  /** An even number of `!` or `-` is none. */
  private unary(): Node {
    const { at, text } = this.peek();
    if (!this.is("!") && !this.is("-")) return this.member();
    let count = 0;
    while (this.is(text) && !(text === "-" && this.tokens[this.next + 1]?.kind === "number")) {
      this.next++;
      count++;
    }
    const operand = this.member();
    return count % 2 === 0 ? operand : { kind: "operator", at, text: text === "-" ? "neg" : "!", parts: [operand] };
  }

  private member(): Node {
    const at = this.peek().at;
    let node = this.primary();
    for (;;) {
      if (this.take(".")) {
        const name = this.peek();
        if (name.kind !== "name" || /^(in|true|false|null)$/.test(name.text)) this.unexpected();
        this.next++;
        node = this.is("(")
          ? { kind: "method", at, text: name.text, parts: [node, ...this.list("(", ")")] }
          : { kind: "select", at, text: name.text, parts: [node] };
      } else if (this.is("[")) {
        const keys = this.list("[", "]");
        if (keys.length !== 1) this.unexpected();
        node = { kind: "index", at, text: "", parts: [node, ...keys] };
      } else return node;
    }
  }

  private primary(): Node {
    const token = this.peek();
    const { at, kind, text } = token;
    if (kind === "number" || this.is("-")) return this.number();
    if (kind === "text") return this.constant(text);
    if (kind === "name") {
      const constant = CONSTANTS.get(text);
      if (constant !== undefined) return this.constant(constant);
      if (RESERVED.test(text)) throw fault(this.source, at, `\`${text}\` is a reserved word.`);
      this.next++;
      return this.is("(")
        ? { kind: "call", at, text, parts: this.list("(", ")") }
        : { kind: "name", at, text, parts: [] };
    }
    if (this.is("(")) {
      const [inner, more] = this.list("(", ")");
      return inner && !more ? inner : this.unexpected();
    }
    if (this.is("[")) return { kind: "list", at, text: "", parts: this.list("[", "]", true) };
    if (this.is("{")) return { kind: "map", at, text: "", parts: this.list("{", "}", true) };
    return this.unexpected();
  }

  /** What stands between brackets, parted by commas (in maps: keys and values). */
  private list(opening: string, closing: string, trailing = false): Node[] {
    this.expect(opening);
    if (++this.open > DEPTH) throw this.tooDeep();
    const nodes: Node[] = [];
    while (!this.is(closing)) {
      nodes.push(this.expression());
      if (opening === "{") {
        this.expect(":");
        nodes.push(this.expression());
      }
      if (!this.take(",")) break;
      if (!trailing && this.is(closing)) this.unexpected();
    }
    this.expect(closing);
    this.open--;
    return nodes;
  }

  private number(): Node {
    const at = this.peek().at;
    const sign = this.take("-") ? "-" : "";
    const { text, kind } = this.peek();
    if (kind !== "number") this.unexpected();
    if (/u$/i.test(text)) throw fault(this.source, at, "There are no unsigned numbers; write it without the u.");
    const isFloat = /^\d*\.|^\d+e/i.test(text);
    const value = isFloat ? Number(sign + text) : whole(sign ? -BigInt(text) : BigInt(text));
    if (value === undefined) throw fault(this.source, at, "The number is outside of the 64-bit range.");
    if (isFloat && !Number.isFinite(value)) throw fault(this.source, at, "The number is too large.");
    return this.constant(isFloat ? Double.of(Number(value)) : value, at);
  }

  private constant(value: Value, at = this.peek().at): Node {
    this.next++;
    return { kind: "constant", at, text: "", parts: [], value };
  }

  private peek(): Token {
    // The last token is `end`, and nothing takes it.
    return this.tokens[this.next] ?? { kind: "end", text: "", at: this.source.length };
  }

  private is(text: string): boolean {
    const token = this.peek();
    return token.kind === "operator" && token.text === text;
  }

  private take(text: string): boolean {
    const is = this.is(text);
    if (is) this.next++;
    return is;
  }

  private expect(text: string): void {
    if (!this.take(text)) this.unexpected();
  }

  private unexpected(): never {
    const { kind, text, at } = this.peek();
    if (kind === "end") throw fault(this.source, at, "The expression ends too early.");
    const hint = kind === "name" ? HINTS.get(text.toLowerCase()) : undefined;
    const advice = hint ? ` Write \`${hint}\` for "${text.toLowerCase()}".` : "";
    const shown = kind === "text" ? "This text" : `\`${text}\``;
    throw fault(this.source, at, `${shown} is not expected here.${advice}`);
  }

  private tooDeep() {
    return fault(this.source, this.peek().at, `The expression is nested deeper than ${DEPTH}.`);
  }
}
