import { fail } from "./faults.js";
import { codePoints } from "./text.js";
import { durationText, inRange, parseDuration, parseTime } from "./time.js";
import { Double, Instant, isList, isMap, numeric, Span, TypeName, typeOf, unfit, type Value, whole } from "./values.js";

const RANGE = "the result is out of range";
const I64_MIN = -(2n ** 63n);
const NANOS_PER_MILLI = 1_000_000n;

/** Integers stay integers and must not leave 64 bits; with a float it is a float, which must stay finite. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [numeric(left), numeric(right)];
  if (a !== undefined && b !== undefined) {
    const areIntegers = typeOf(left) === "int" && typeOf(right) === "int";
    return areIntegers ? integers(operator, a, b) : floats(operator, Number(a), Number(b));
  }
  const made = operator === "+" ? add(left, right) : operator === "-" ? subtract(left, right) : undefined;
  return made ?? fail(`\`${operator}\` can't join a ${typeOf(left)} and a ${typeOf(right)}`);
}

function integers(operator: string, a: number | bigint, b: number | bigint): Value {
  // `==` holds for 0 and 0n alike.
  if (Number(b) === 0 && (operator === "/" || operator === "%")) fail("division by zero");
  if (Number.isSafeInteger(a) && Number.isSafeInteger(b)) {
    const result = plain(operator, Number(a), Number(b));
    // A rounded result isn't safe, so a safe one is exact. (Zero is added since -0 is no integer.)
    if (Number.isSafeInteger(result)) return result + 0;
  }
  return whole(exact(operator, BigInt(a), BigInt(b))) ?? fail(RANGE);
}

function plain(operator: string, a: number, b: number): number {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  return operator === "/" ? (a - (a % b)) / b : a % b;
}

function exact(operator: string, a: bigint, b: bigint): bigint {
  if (operator === "+") return a + b;
  if (operator === "-") return a - b;
  if (operator === "*") return a * b;
  if (operator === "/") return a / b;
  return a === I64_MIN && b === -1n ? fail(RANGE) : a % b;
}

function floats(operator: string, a: number, b: number): Value {
  if (operator === "%") return fail("% is for integers");
  const result = operator === "/" ? a / b : plain(operator, a, b);
  return Number.isFinite(result) ? Double.of(result) : fail(RANGE);
}

function add(left: Value, right: Value): Value | undefined {
  if (typeof left === "string" && typeof right === "string") return left + right;
  if (isList(left) && isList(right)) return [...left, ...right];
  if (left instanceof Instant && right instanceof Span) return shifted(left.millis, right.nanos);
  if (left instanceof Span && right instanceof Instant) return shifted(right.millis, left.nanos);
  return left instanceof Span && right instanceof Span ? span(left.nanos + right.nanos) : undefined;
}

function subtract(left: Value, right: Value): Value | undefined {
  if (left instanceof Instant && right instanceof Instant) {
    return span(BigInt(left.millis - right.millis) * NANOS_PER_MILLI);
  }
  if (left instanceof Instant && right instanceof Span) return shifted(left.millis, -right.nanos);
  return left instanceof Span && right instanceof Span ? span(left.nanos - right.nanos) : undefined;
}

function span(nanos: bigint): Span {
  return BigInt.asIntN(64, nanos) === nanos ? new Span(nanos) : fail(RANGE);
}

/** What is below a millisecond is cut towards the past. */
function shifted(millis: number, nanos: bigint): Instant {
  const below = ((nanos % NANOS_PER_MILLI) + NANOS_PER_MILLI) % NANOS_PER_MILLI;
  const time = inRange(millis + Number((nanos - below) / NANOS_PER_MILLI));
  return time === undefined ? fail(RANGE) : new Instant(time);
}

export function negated(value: Value): Value {
  const number = numeric(value);
  if (number === undefined) return unfit("a number", value);
  if (typeOf(value) === "int") return whole(-BigInt(number)) ?? fail(RANGE);
  return Double.of(-Number(number));
}

export function size(value: Value): number {
  if (typeof value === "string") return codePoints(value);
  if (isList(value)) return value.length;
  return isMap(value) ? Object.keys(value).length : unfit("a text, a list or a map", value);
}

/** The conversions by their names, each of one value. */
export const CONVERSIONS = new Map<string, (value: Value) => Value>(
  Object.entries({
    timestamp(value: Value) {
      if (value instanceof Instant) return value;
      const seconds = typeOf(value) === "int" ? inRange(Number(value) * 1000) : undefined;
      const millis = typeof value === "string" ? parseTime(value) : seconds;
      if (millis !== undefined) return new Instant(millis);
      return fail("this is no time in RFC 3339's form, such as 2026-11-22T08:00:00Z");
    },
    duration(value: Value) {
      if (value instanceof Span) return value;
      const nanos = typeof value === "string" ? parseDuration(value) : undefined;
      return nanos === undefined ? fail("this is no duration, such as 1h30m or 500ms") : new Span(nanos);
    },
    int(value: Value) {
      if (typeOf(value) === "int") return value;
      if (value instanceof Instant) return Math.floor(value.millis / 1000);
      if (typeof value === "string" && /^[+-]?\d+$/.test(value)) {
        const digits = BigInt(value.replace(/^[+-]/, ""));
        return whole(value.startsWith("-") ? -digits : digits) ?? fail(RANGE);
      }
      const float = numeric(value);
      if (float === undefined) return unfit("a number, a timestamp or a text of digits", value);
      return whole(BigInt(Math.trunc(Number(float)))) ?? fail(RANGE);
    },
    double(value: Value) {
      const isNumber = typeof value === "string" && /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(value);
      const found = isNumber ? Number(value) : numeric(value);
      if (found === undefined) return unfit("a number", value);
      return Number.isFinite(Number(found)) ? Double.of(Number(found)) : fail(RANGE);
    },
    string(value: Value) {
      if (typeof value === "string") return value;
      if (typeof value === "boolean") return String(value);
      if (value instanceof Instant) return new Date(value.millis).toISOString();
      if (value instanceof Span) return durationText(value.nanos);
      const number = numeric(value);
      return number === undefined ? unfit("a scalar", value) : numberText(number);
    },
    bool(value: Value) {
      if (value === true || (typeof value === "string" && /^(true|True|TRUE|t|1)$/.test(value))) return true;
      if (value === false || (typeof value === "string" && /^(false|False|FALSE|f|0)$/.test(value))) return false;
      return unfit("a boolean, or a text that says true or false,", value);
    },
    type: (value: Value) => new TypeName(typeOf(value)),
  }),
);

/** As the server's JSON writes numbers: the shortest digits, with an exponent where they are many. */
function numberText(number: number | bigint): string {
  const size = Math.abs(Number(number));
  const isPlain = typeof number === "bigint" || Number.isSafeInteger(number) || (size >= 1e-5 && size < 1e16);
  if (isPlain) return String(number);
  return typeOf(number) === "int" ? String(BigInt(number)) : number.toExponential();
}
