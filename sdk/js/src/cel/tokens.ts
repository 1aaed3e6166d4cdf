import { fault } from "./faults.js";

/** `text` holds a literal's value; a name's or operator's is its own. */
export interface Token {
  kind: "number" | "text" | "name" | "operator" | "end";
  text: string;
  at: number;
}

const HEX = "[\\da-fA-F]";
const ESCAPE = `\\\\(?:[abfnrtv"'\\\\?\`]|[xX]${HEX}{2}|u${HEX}{4}|U${HEX}{8}|[0-3][0-7]{2})`;
const either = (of: (quote: string) => string) => `(?:${of('"')}|${of("'")})`;
const RAW = either((q) => `${q}{3}[\\s\\S]*?${q}{3}|${q}[^\\n\\r${q}]*${q}`);
const TEXT = either((q) => `${q}{3}(?:${ESCAPE}|[^\\\\])*?${q}{3}|${q}(?:${ESCAPE}|[^\\\\\\n\\r${q}])*${q}`);
const NUMBER = `(?:0x${HEX}+|(?:\\d+(?:\\.\\d+)?|\\.\\d+)(?:[eE][+-]?\\d+)?)[uU]?`;
const OPERATOR = "==|!=|<=|>=|&&|\\|\\||[-<>.,!?:+*/%()[\\]{}]";
const BLANK = /(?:[ \t\r\n\f]+|\/\/[^\n]*)*/y;
const TOKEN = new RegExp(`(${NUMBER})|([bB]?(?:[rR]${RAW}|${TEXT}))|([A-Za-z_]\\w*)|(${OPERATOR})`, "y");

/** Cuts a source into tokens, the longest at each place; the last one is `end`. */
export function tokenize(source: string): Token[] {
  const tokens: Token[] = [];
  for (let at = 0; ; at = TOKEN.lastIndex) {
    BLANK.lastIndex = at;
    BLANK.test(source);
    at = TOKEN.lastIndex = BLANK.lastIndex;
    if (at === source.length) break;
    const found = TOKEN.exec(source);
    if (!found) throw fault(source, at, stray(source.slice(at)));
    const [, number, text, name, operator] = found;
    if (number) tokens.push({ kind: "number", text: number, at });
    else if (text) tokens.push({ kind: "text", text: unquoted(source, at, text), at });
    else if (name) tokens.push({ kind: "name", text: name, at });
    else tokens.push({ kind: "operator", text: operator ?? "", at });
  }
  tokens.push({ kind: "end", text: "", at: source.length });
  return tokens;
}

function stray(rest: string): string {
  if (/^['"]/.test(rest)) return "This text is never closed, or holds an unknown escape (write \\\\ for a backslash).";
  if (rest[0] === "=") return "Write `==` to compare.";
  return `The character ${JSON.stringify(String.fromCodePoint(rest.codePointAt(0) ?? 0))} has no meaning here.`;
}

const PLAIN: Record<string, string> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function unquoted(source: string, at: number, literal: string): string {
  if (/^b/i.test(literal)) throw fault(source, at, "There are no byte strings; write a text without the b.");
  const raw = /^r/i.test(literal);
  const quoted = (raw ? literal.slice(1) : literal).replace(/\r\n?/g, "\n");
  const width = /^("""|''')[\s\S]*\1$/.test(quoted) && quoted.length >= 6 ? 3 : 1;
  const inner = quoted.slice(width, -width);
  const text = raw ? inner : inner.replace(new RegExp(ESCAPE, "g"), (found) => escaped(source, at, found.slice(1)));
  if (text.includes("\0")) throw fault(source, at, "No stored text holds U+0000, so none is compared with it.");
  return text;
}

/** `code`: what follows the backslash. */
function escaped(source: string, at: number, code: string): string {
  if (code.length === 1) return PLAIN[code] ?? code;
  const digits = /^[xu]/i.test(code) ? Number.parseInt(code.slice(1), 16) : Number.parseInt(code, 8);
  if (digits > 0x10ffff || (digits >= 0xd800 && digits < 0xe000)) {
    throw fault(source, at, "The text holds an escape that is no character.");
  }
  return String.fromCodePoint(digits);
}
