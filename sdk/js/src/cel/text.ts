/** The order of two texts by code points, which is that of their UTF-8 bytes. */
export function compareText(left: string, right: string): number {
  const at = firstDifference(left, right);
  const [a, b] = [left.charCodeAt(at), right.charCodeAt(at)];
  // Past the end is NaN: what is a beginning of the other comes first.
  if (Number.isNaN(a) || Number.isNaN(b)) return left.length - right.length;
  return rank(a) - rank(b);
}

/** Surrogates stand for code points above all others. */
function rank(unit: number): number {
  return unit >= 0xd800 && unit < 0xe000 ? unit + 0x10000 : unit;
}

/** The first index at which two texts differ; the shorter one's length where that is its beginning. */
export function firstDifference(left: string, right: string): number {
  let at = 0;
  const end = Math.min(left.length, right.length);
  while (at < end && left.charCodeAt(at) === right.charCodeAt(at)) at++;
  return at;
}

/** Bytes of a text as UTF-8. */
export function utf8Length(text: string): number {
  let bytes = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    // Each half of a pair counts two of its four bytes.
    bytes += unit < 0x80 ? 1 : unit < 0x800 || (unit >= 0xd800 && unit < 0xe000) ? 2 : 3;
  }
  return bytes;
}
