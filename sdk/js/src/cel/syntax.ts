import { DEPTH, fault, SOURCE_BYTES } from "./faults.js";
import { utf8Length } from "./text.js";
import { type Token, tokenize } from "./tokens.js";
import { float, type Value, whole } from "./values.js";

/** A node of the tree, as it is written. */
export interface Node {
  /** `constant`, `name`, `select`, `index`, `list`, `map`, `call`, `method`; else the operator (`neg` for a sign). */
  kind: string;
  /** Where it begins, an offset in the source. */
  at: number;
  /** The name of a field, function or variable. */
  text: string;
  /** A method's target comes first; a map's keys and values take turns. */
  parts: Node[];
  value: Value;
}

const RESERVED =
  /^(as|break|const|continue|else|for|function|if|import|let|loop|package|namespace|return|var|void|while|in)$/;
/** Signs of binary operators, from those that bind least. */
const LEVELS = [/^\|\|$/, /^&&$/, /^(==|!=|<=?|>=?|in)$/, /^[+-]$/, /^[*/%]$/];

/** Parses CEL's grammar as the server's parser does; macros stay the calls that are written. */
export function parse(source: string): Node {
  if (utf8Length(source) > SOURCE_BYTES) throw fault(source, 0, `An expression has at most ${SOURCE_BYTES} bytes.`);
  return new Parser(source, tokenize(source)).all();
}

class Parser {
  #next = 0;
  #open = 0;
  #branches = 0;

  readonly #source: string;
  readonly #tokens: Token[];

  constructor(source: string, tokens: Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  all(): Node {
    if (this.#tokens.length === 1) throw fault(this.#source, 0, "This is empty; write true.");
    const root = this.#expression();
    return this.#token.kind === "end" ? root : this.#unexpected();
  }

  #expression(): Node {
    const { at } = this.#token;
    const condition = this.#binary(0);
    if (!this.#take("?")) return condition;
    // Each branch is one deeper in the tree; here only the recursion is bounded, depth is checked with the names.
    if (++this.#branches > DEPTH) this.#tooDeep();
    const ifTrue = this.#binary(0);
    this.#expect(":");
    const ifFalse = this.#expression();
    this.#branches--;
    return node("?", at, [condition, ifTrue, ifFalse]);
  }

  #binary(level: number): Node {
    const signs = LEVELS[level];
    if (!signs) return this.#unary();
    const { at } = this.#token;
    let left = this.#binary(level + 1);
    for (;;) {
      const { kind, text } = this.#token;
      if (!(kind === "operator" || (kind === "name" && text === "in")) || !signs.test(text)) return left;
      this.#next++;
      const sides = [left, this.#binary(level + 1)];
      // `a && (b && c)` is `a && b && c`.
      left = node(text, at, level < 2 ? sides.flatMap((side) => (side.kind === text ? side.parts : side)) : sides);
    }
  }

  /** An even number of `!` or `-` is none. */
  #unary(): Node {
    const { at, text } = this.#token;
    let count = 0;
    while ((this.#is("!") || (this.#is("-") && this.#tokens[this.#next + 1]?.kind !== "number")) && this.#is(text)) {
      this.#next++;
      count++;
    }
    const operand = this.#member();
    return count % 2 === 0 ? operand : node(text === "-" ? "neg" : "!", at, [operand]);
  }

  #member(): Node {
    const { at } = this.#token;
    let target = this.#primary();
    for (;;) {
      if (this.#take(".")) {
        const { kind, text } = this.#token;
        if (kind !== "name" || /^(in|true|false|null)$/.test(text)) this.#unexpected();
        this.#next++;
        target = this.#is("(")
          ? node("method", at, [target, ...this.#list("(", ")")], text)
          : node("select", at, [target], text);
      } else if (this.#is("[")) {
        const keys = this.#list("[", "]");
        if (keys.length !== 1) this.#unexpected();
        target = node("index", at, [target, ...keys]);
      } else return target;
    }
  }

  #primary(): Node {
    const { at } = this.#token;
    if (this.#is("(")) {
      const [inner, more] = this.#list("(", ")");
      return inner && !more ? inner : this.#unexpected();
    }
    if (this.#is("[")) return node("list", at, this.#list("[", "]", true));
    if (this.#is("{")) return node("map", at, this.#list("{", "}", true));
    const isNegative = this.#take("-");
    const { kind, text, value } = this.#token;
    if (isNegative ? kind !== "number" : !/^(number|text|name)$/.test(kind)) this.#unexpected();
    this.#next++;
    if (kind === "number") return node("constant", at, [], "", this.#number(at, value, isNegative));
    const isKeyword = kind === "name" && /^(true|false|null)$/.test(text);
    const constant: Value | undefined = isKeyword ? JSON.parse(text) : kind === "text" ? value : undefined;
    if (constant !== undefined) return node("constant", at, [], "", constant);
    if (RESERVED.test(text)) throw fault(this.#source, at, `\`${text}\` is a reserved word.`);
    return this.#is("(") ? node("call", at, this.#list("(", ")"), text) : node("name", at, [], text);
  }

  #number(at: number, value: Value, isNegative: boolean): Value {
    try {
      if (typeof value === "bigint") return whole(isNegative ? -value : value);
      return float(isNegative ? -(value as number) : (value as number));
    } catch {
      throw fault(this.#source, at, "The number is out of range.");
    }
  }

  /** What stands between brackets, parted by commas (in maps: keys and values). */
  #list(opening: string, closing: string, trailing = false): Node[] {
    this.#expect(opening);
    if (++this.#open > DEPTH) this.#tooDeep();
    const nodes: Node[] = [];
    while (!this.#is(closing)) {
      nodes.push(this.#expression());
      if (opening === "{") {
        this.#expect(":");
        nodes.push(this.#expression());
      }
      if (!this.#take(",")) break;
      if (!trailing && this.#is(closing)) this.#unexpected();
    }
    this.#expect(closing);
    this.#open--;
    return nodes;
  }

  get #token(): Token {
    // The last token is `end`, and nothing goes past it.
    return this.#tokens[this.#next] as Token;
  }

  #is(text: string): boolean {
    return this.#token.kind === "operator" && this.#token.text === text;
  }

  #take(text: string): boolean {
    const is = this.#is(text);
    if (is) this.#next++;
    return is;
  }

  #expect(text: string): void {
    if (!this.#take(text)) this.#unexpected();
  }

  #unexpected(): never {
    const { kind, text, at } = this.#token;
    if (kind === "end") throw fault(this.#source, at, "The expression ends too early.");
    throw fault(this.#source, at, `\`${text}\` is not expected here.`);
  }

  #tooDeep(): never {
    throw fault(this.#source, this.#token.at, `The expression is nested deeper than ${DEPTH}.`);
  }
}

function node(kind: string, at: number, parts: Node[], text = "", value: Value = null): Node {
  return { kind, at, text, parts, value };
}
