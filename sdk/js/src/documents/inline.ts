import type { Expression } from "./expression.js";

/**
 * A condition as one text, for the doors that take no `vars`. Values become literals: JSON's texts, numbers, lists and
 * maps are CEL's, and a text can't end before its quotes do.
 */
export function inlined(condition: Expression): string {
  return condition.texts.reduce((text, part, index) => text + literal(condition.values[index - 1]) + part);
}

/** Well-formed JSON writes lone surrogates as escapes, which CEL refuses: that is a 400 of the server, and no way out. */
function literal(value: unknown): string {
  return JSON.stringify(value);
}
