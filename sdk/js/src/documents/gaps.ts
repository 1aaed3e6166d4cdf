import { badArgument } from "../errors.js";

/** Of a CEL text: strings in all their quotes, and comments. */
const TOKENS = /\/\/[^\n]*|([rR]?)("""|'''|"|')/g;

/**
 * Refuses a gap inside a string or comment of the template: `"${name}"` would be the text `vars.v0`, not the name.
 * `texts` are the template's parts, so each end but the last is a gap.
 */
export function checkGaps(texts: readonly string[]): void {
  const whole = texts.join("\u0000");
  TOKENS.lastIndex = 0;
  for (let token = TOKENS.exec(whole); token; token = TOKENS.exec(whole)) {
    const end =
      token[2] === undefined ? TOKENS.lastIndex : endOfString(whole, TOKENS.lastIndex, token[2], token[1] !== "");
    if (whole.slice(token.index, end).includes("\u0000")) {
      throw badArgument("A value can't stand inside quotes or a comment: leave out the quotes around it.");
    }
    TOKENS.lastIndex = end;
  }
}

function endOfString(text: string, from: number, quote: string, raw: boolean): number {
  for (let place = from; place < text.length; place++) {
    if (text[place] === "\\" && !raw) place++;
    else if (text.startsWith(quote, place)) return place + quote.length;
  }
  return text.length;
}
