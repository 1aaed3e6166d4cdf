/** 0000-01-01T00:00:00.000Z and 9999-12-31T23:59:59.999Z: beyond them the texts would not order. */
const EARLIEST = -62_167_219_200_000;
const LATEST = 253_402_300_799_999;

const TIME = /^(\d{4})-(\d\d)-(\d\d)[\0-\x7f](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))$/;

/** Milliseconds of a time in RFC 3339's form, with any offset; digits below a millisecond are cut. */
export function parseTime(text: string): number | undefined {
  const found = TIME.exec(text);
  if (!found) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found.slice(1, 7).map(Number);
  const leap = second === 60;
  const millis = leap ? 999 : Number(`${found[7] ?? ""}000`.slice(0, 3));
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isDay || hour > 23 || minute > 59 || second > 60) return undefined;
  const offset = (Number(found[9] ?? 0) * 60 + Number(found[10] ?? 0)) * (found[8] === "-" ? -1 : 1);
  const time = date.getTime() + ((hour * 60 + minute - offset) * 60 + (leap ? 59 : second)) * 1000 + millis;
  // A leap second is the last one of a month, in UTC.
  const isLast = /-01T00:00:00/.test(new Date(time + 1).toISOString());
  return leap && !isLast ? undefined : inRange(time);
}

/** The time if it lies in the years 0000 to 9999. */
export function inRange(millis: number): number | undefined {
  return millis >= EARLIEST && millis <= LATEST ? millis : undefined;
}

const UNITS = new Map([
  ["h", 3_600_000_000_000n],
  ["m", 60_000_000_000n],
  ["s", 1_000_000_000n],
  ["ms", 1_000_000n],
  ["us", 1_000n],
  // Both letters that look like it: the micro sign and the Greek mu.
  ["\u00b5s", 1_000n],
  ["\u03bcs", 1_000n],
  ["ns", 1n],
]);
const PART = /^(?:(\d{1,20})(?:\.(\d*))?|\.(\d+))([^\d.]+)/;

/** Nanoseconds of a duration in Go's form (`1h30m`, `-1.5s`, `0`), within 64 bits. */
export function parseDuration(text: string): bigint | undefined {
  let rest = text.replace(/^[-+]/, "");
  if (rest === "0") return 0n;
  if (rest === "" || rest.length > 100) return undefined;
  let nanos = 0n;
  while (rest !== "") {
    const found = PART.exec(rest);
    const unit = UNITS.get(found?.[4] ?? "");
    if (!found || unit === undefined) return undefined;
    nanos += BigInt(found[1] ?? 0) * unit + fraction(found[2] ?? found[3] ?? "", unit);
    rest = rest.slice(found[0].length);
  }
  if (text.startsWith("-")) nanos = -nanos;
  return BigInt.asIntN(64, nanos) === nanos ? nanos : undefined;
}

/** Digit by digit, each cut: what is below a nanosecond doesn't add up. */
function fraction(digits: string, unit: bigint): bigint {
  let weight = unit;
  let nanos = 0n;
  for (const digit of digits) {
    weight /= 10n;
    nanos += BigInt(digit) * weight;
  }
  return nanos;
}

/** Seconds, as protocol buffers write them: `5400s`, `0.5s`. */
export function durationText(nanos: bigint): string {
  const size = nanos < 0n ? -nanos : nanos;
  const rest = String(size % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return `${nanos < 0n ? "-" : ""}${size / 1_000_000_000n}${rest && `.${rest}`}s`;
}
