/**
 * Conditions in CEL whose values are always bound: a condition is text with gaps, and what fills a gap travels beside the
 * text in `vars`. There is no way to put a caller's value into the text.
 */
import { badArgument } from "../errors.js";
import { type FieldPath, fieldReference, presence } from "./fields.js";
import { checkGaps } from "./gaps.js";
import type { Json } from "./types.js";

/** What may be bound; a `Date` becomes its RFC 3339 text, as documents hold times. */
export type Bindable = Json | Date | readonly Bindable[];

export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=";
export type TextOperator = "startsWith" | "endsWith" | "containsText";
/** `contains`: the field is a list and has this element. `has`: the field is there (`true`) or isn't (`false`). */
export type WhereOperator = Comparison | TextOperator | "in" | "not in" | "contains" | "has";

type Joint = "&&" | "||" | null;

export interface Compiled {
  filter: string;
  vars: Record<string, Json>;
}

export class Expression {
  /** Made by `where`, `cel`, `all`, `any` and `not`. `texts` has one more than `values`. */
  constructor(
    readonly texts: readonly string[],
    readonly values: readonly Json[],
    private readonly joint: Joint = null,
  ) {}

  and(other: Expression): Expression {
    return join([this, other], "&&");
  }

  or(other: Expression): Expression {
    return join([this, other], "||");
  }

  /** The text, and what it is bound to; names begin with `prefix`. */
  compile(prefix = "v"): Compiled {
    const vars: Record<string, Json> = {};
    const filter = this.texts.reduce((text, part, index) => {
      const name = `${prefix}${index - 1}`;
      vars[name] = this.values[index - 1] as Json;
      return `${text}vars.${name}${part}`;
    });
    return { filter, vars };
  }

  /** As a part of a `parent`: in parentheses, but where the same joint makes them needless. */
  within(parent: Joint): Expression {
    if (this.joint === null || this.joint === parent) return this;
    return concat(["(", this, ")"]);
  }
}

/** A condition on one field, to be combined by `all`, `any` and `not`. */
export function where(field: FieldPath, operator: WhereOperator, value: unknown): Expression {
  switch (operator) {
    case "==":
    case "!=":
    case "<":
    case "<=":
    case ">":
    case ">=":
      return bound(`${fieldReference(field)} ${operator} `, value, "");
    case "in":
      return bound(`${fieldReference(field)} in `, list(value), "");
    case "not in":
      return bound(`!(${fieldReference(field)} in `, list(value), ")");
    case "contains":
      return bound("", value, ` in ${fieldReference(field)}`);
    case "startsWith":
    case "endsWith":
      return bound(`${fieldReference(field)}.${operator}(`, text(value), ")");
    case "containsText":
      return bound(`${fieldReference(field)}.contains(`, text(value), ")");
    case "has":
      if (typeof value !== "boolean") throw badArgument('"has" is compared with true or false.');
      return new Expression([value ? presence(field) : `!(${presence(field)})`], []);
    default:
      throw badArgument(`There is no operator ${JSON.stringify(operator)}.`);
  }
}

/** CEL with bound values: cel`doc.n > ${least} && ${owner} in doc.members`. Conditions may be put in, too. */
export function cel(texts: TemplateStringsArray, ...values: readonly (Bindable | Expression)[]): Expression {
  checkGaps(texts);
  const parts = texts.flatMap((part, index) => {
    if (index === 0) return [part];
    const value = values[index - 1];
    const filled = value instanceof Expression ? concat(["(", value, ")"]) : bound("", value, "");
    return [filled, part];
  });
  const { texts: all, values: bindings } = concat(parts);
  // Its own joints are unknown, so it is always put in parentheses.
  return new Expression(all, bindings, "||").within(null);
}

/** True where each of them is. */
export function all(...conditions: readonly Expression[]): Expression {
  return join(conditions, "&&");
}

/** True where one of them is. */
export function any(...conditions: readonly Expression[]): Expression {
  return join(conditions, "||");
}

/** What can't be answered for a document (a field that isn't there) is true neither of a condition nor of its `not`. */
export function not(condition: Expression): Expression {
  return concat(["!(", condition, ")"]);
}

function join(conditions: readonly Expression[], joint: "&&" | "||"): Expression {
  const [first, ...rest] = conditions;
  if (!first) throw badArgument("There has to be one condition at least.");
  if (rest.length === 0) return first;
  const parts = rest.flatMap((condition) => [` ${joint} `, condition.within(joint)]);
  const { texts, values } = concat([first.within(joint), ...parts]);
  return new Expression(texts, values, joint);
}

function concat(parts: readonly (string | Expression)[]): Expression {
  const texts: string[] = [];
  const values: Json[] = [];
  let open = "";
  for (const part of parts) {
    if (typeof part === "string") {
      open += part;
      continue;
    }
    // The part's own gaps close what is open; its last text stays open for what follows.
    part.values.forEach((value, gap) => {
      texts.push(open + (part.texts[gap] ?? ""));
      values.push(value);
      open = "";
    });
    open += part.texts[part.values.length] ?? "";
  }
  return new Expression([...texts, open], values);
}

function bound(before: string, value: unknown, after: string): Expression {
  return new Expression([before, after], [bindable(value)]);
}

function list(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw badArgument('"in" and "not in" take a list.');
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw badArgument("This operator takes a text.");
  return value;
}

/** JSON, deeply; what JSON would silently change (undefined, NaN, functions) is refused. */
export function bindable(value: unknown): Json {
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  if (isDate(value) && !Number.isNaN(value.getTime())) return value.toISOString();
  if (Array.isArray(value)) return value.map(bindable);
  if (isPlain(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bindable(inner)]));
  }
  throw badArgument(`${String(value)} can't be bound: it is no JSON.`);
}

/** Also one of another realm: a frame, a test's sandbox. */
function isDate(value: unknown): value is Date {
  return Object.prototype.toString.call(value) === "[object Date]";
}

/** A map as JSON has it, and no instance of a class. */
function isPlain(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: object | null = Object.getPrototypeOf(value);
  return (
    prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, "hasOwnProperty"))
  );
}
