import { fault } from "./faults.js";
import type { Value } from "./values.js";

export interface Token {
  kind: "number" | "text" | "name" | "operator" | "end";
  /** As it is written. */
  text: string;
  at: number;
  /** What a literal stands for: a text, a float, or an integer as a bigint of any size. */
  value: Value;
}

const HEX = "[\\da-fA-F]";
const ESCAPE = `\\\\(?:[abfnrtv"'\\\\?\`]|[xX]${HEX}{2}|u${HEX}{4}|U${HEX}{8}|[0-3][0-7]{2})`;
/** A text in single or triple quotes of either kind, within which these characters may stand. */
const quoted = (inTriple: string, inSingle: string) =>
  ['"', "'"]
    .map((quote) => `${quote}{3}${inTriple}*?${quote}{3}|${quote}${inSingle.replace("Q", quote)}*${quote}`)
    .join("|");
const RAW = quoted("[\\s\\S]", "[^\\n\\rQ]");
const TEXT = quoted(`(?:${ESCAPE}|[^\\\\])`, `(?:${ESCAPE}|[^\\\\\\n\\rQ])`);
const NUMBER = `(?:0x${HEX}+|(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:[eE][+-]?\\d+)?)[uU]?`;
const OPERATOR = "==|!=|<=|>=|&&|\\|\\||[-<>.,!?:+*/%()[\\]{}]";
const BLANK = "(?:[ \\t\\r\\n\\f]+|//[^\\n]*)*";
const TOKEN = new RegExp(
  `${BLANK}(?:(${NUMBER})|([bB]?(?:[rR](?:${RAW})|${TEXT}))|([A-Za-z_]\\w*)|(${OPERATOR})|$)`,
  "y",
);

/** Cuts a source into tokens, the longest at each place; the last one is `end`. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  for (;;) {
    const from = TOKEN.lastIndex;
    const found = TOKEN.exec(source);
    if (!found) throw stray(source, from);
    const [, number, literal, name, operator] = found;
    const text = number ?? literal ?? name ?? operator ?? "";
    const at = TOKEN.lastIndex - text.length;
    const kind = number ? "number" : literal ? "text" : name ? "name" : operator ? "operator" : "end";
    const value = number ? numeric(source, at, number) : literal ? unquoted(source, at, literal) : null;
    tokens.push({ kind, text, at, value });
    if (kind === "end") return tokens;
  }
}

function stray(source: string, from: number) {
  const rest = source.slice(from).replace(new RegExp(`^${BLANK}`), "");
  const message = /^['"]/.test(rest)
    ? "This text is never closed, or holds an unknown escape."
    : `\`${String.fromCodePoint(rest.codePointAt(0) ?? 0)}\` has no meaning here.`;
  return fault(source, source.length - rest.length, message);
}

function numeric(source: string, at: number, text: string): Value {
  if (/u$/i.test(text)) throw fault(source, at, "There are no unsigned numbers.");
  return /^\d*\.|^\d+e/i.test(text) ? Number(text) : BigInt(text);
}

function unquoted(source: string, at: number, literal: string): string {
  if (/^b/i.test(literal)) throw fault(source, at, "There are no byte strings.");
  const isRaw = /^r/i.test(literal);
  const outer = literal.slice(isRaw ? 1 : 0).replace(/\r\n?/g, "\n");
  const width = /^("""|''')[\s\S]*\1$/.test(outer) && outer.length >= 6 ? 3 : 1;
  const inner = outer.slice(width, -width);
  const text = isRaw ? inner : inner.replace(new RegExp(ESCAPE, "g"), (found) => escaped(source, at, found.slice(1)));
  if (text.includes("\0")) throw fault(source, at, "No text holds U+0000.");
  return text;
}

/** `code`: what follows the backslash. */
function escaped(source: string, at: number, code: string): string {
  const letter = "abfnrtv".indexOf(code);
  if (code.length === 1) return letter < 0 ? code : "\x07\b\f\n\r\t\v".charAt(letter);
  const point = /^[xu]/i.test(code) ? Number.parseInt(code.slice(1), 16) : Number.parseInt(code, 8);
  if (point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) {
    throw fault(source, at, "The escape is no character.");
  }
  return String.fromCodePoint(point);
}
