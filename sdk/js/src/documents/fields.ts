/** Names of fields as the server's languages write them. What a caller passes is validated here, never pasted. */
import { badArgument } from "../errors.js";

/** `author.name`, or a list of steps where a name has a dot in it. */
export type FieldPath = string | readonly string[];

const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** CEL's reserved words are no identifiers. */
const RESERVED = new Set(
  (
    "true false null in as break const continue else for function if import let loop package namespace return " +
    "var void while"
  ).split(" "),
);
const MOST_BYTES = 128;

export function stepsOf(path: FieldPath): readonly string[] {
  const steps = typeof path === "string" ? path.split(".") : path;
  if (steps.length === 0) throw badArgument("A field needs a name.");
  for (const step of steps) checkName(step);
  return steps;
}

function checkName(name: string): void {
  const bytes = typeof name === "string" ? new TextEncoder().encode(name).length : 0;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  if (bytes < 1 || bytes > MOST_BYTES || name.startsWith("$") || /[\u0000-\u001f\u007f]/.test(name)) {
    throw badArgument(`${JSON.stringify(name)} is no name of a field.`);
  }
}

/** `doc.author.name`; what is no identifier as `doc["foo-bar"]`. */
export function fieldReference(path: FieldPath): string {
  return stepsOf(path).reduce((text, step) => text + (isIdentifier(step) ? `.${step}` : `[${quote(step)}]`), "doc");
}

/** For `has()`, which takes a name and no brackets; another one is asked for in the map that it would be in. */
export function presence(path: FieldPath): string {
  const steps = stepsOf(path);
  const last = steps[steps.length - 1] as string;
  if (isIdentifier(last)) return `has(${fieldReference(steps)})`;
  const parent = steps.length > 1 ? fieldReference(steps.slice(0, -1)) : "doc";
  return `${quote(last)} in ${parent}`;
}

function isIdentifier(name: string): boolean {
  return IDENTIFIER.test(name) && !RESERVED.has(name);
}

/** A CEL string. JSON's escapes are CEL's, too, but for those of lone surrogates, which no name may have. */
function quote(text: string): string {
  if (/[\ud800-\udfff]/u.test(text)) throw badArgument(`${JSON.stringify(text)} is no Unicode.`);
  return JSON.stringify(text);
}

/** A name in `sort`, `select` or `expand`, where commas, signs and parentheses would mean something. */
export function plainName(path: FieldPath): string {
  const name = stepsOf(path).join(".");
  if (/[,()\s]/.test(name) || name.startsWith("-")) throw badArgument(`${JSON.stringify(name)} can't be named here.`);
  return name;
}
