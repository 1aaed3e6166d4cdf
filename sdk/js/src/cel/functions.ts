import { fail } from "./faults.js";
import { durationText, inRange, parseDuration, parseTime } from "./time.js";
import { Box, float, isInteger, isList, isNumber, raw, typeOf, type Value, whole } from "./values.js";

const NANOS_PER_MILLI = 1_000_000n;
/** The least integer. */
const LEAST = -(2n ** 63n);

/** Integers stay integers and must not leave 64 bits; with a float it is a float, which must stay finite. */
export function arithmetic(operator: string, left: Value, right: Value): Value {
  const [a, b] = [raw(left), raw(right)];
  const types = [typeOf(left), typeOf(right)];
  if (types.join() === "int,int") return integers(operator, BigInt(a as number), BigInt(b as number));
  if (isNumber(left) && isNumber(right)) {
    return operator === "%" ? fail() : float(compute(operator, Number(a), Number(b)));
  }
  switch (types.join(operator)) {
    case "string+string":
      return `${a}${b}`;
    case "list+list":
      return [...(a as Value[]), ...(b as Value[])];
    case "timestamp+duration":
      return shifted(a as number, b as bigint);
    case "duration+timestamp":
      return shifted(b as number, a as bigint);
    case "timestamp-duration":
      return shifted(a as number, -(b as bigint));
    case "timestamp-timestamp":
      return span(BigInt((a as number) - (b as number)) * NANOS_PER_MILLI);
    case "duration+duration":
    case "duration-duration":
      return span(compute(operator, a as bigint, b as bigint));
    default:
      return fail();
  }
}

function integers(operator: string, a: bigint, b: bigint): Value {
  const isDivision = operator === "/" || operator === "%";
  // i64's remainder overflows where its division does.
  if (isDivision && (b === 0n || (a === LEAST && b === -1n))) fail();
  return whole(compute(operator, a, b));
}

/** JavaScript has the same signs for both kinds, which TypeScript can't be told of a type parameter. */
function compute<T extends number | bigint>(operator: string, left: T, right: T): T {
  const [a, b] = [left, right] as unknown as [number, number];
  const result =
    operator === "+" ? a + b : operator === "-" ? a - b : operator === "*" ? a * b : operator === "/" ? a / b : a % b;
  return result as T;
}

function span(nanos: bigint): Box {
  whole(nanos);
  return new Box("duration", nanos);
}

function instant(millis: number | undefined): Box {
  return new Box("timestamp", inRange(millis ?? Number.NaN) ?? fail());
}

/** What is below a millisecond is cut towards the past. */
function shifted(millis: number, nanos: bigint): Box {
  const below = ((nanos % NANOS_PER_MILLI) + NANOS_PER_MILLI) % NANOS_PER_MILLI;
  return instant(millis + Number((nanos - below) / NANOS_PER_MILLI));
}

export function negated(value: Value): Value {
  const number = raw(value) as number;
  if (typeOf(value) === "int") return whole(-BigInt(number));
  return isNumber(value) ? float(-number) : fail();
}

export const CONVERSION = /^(timestamp|duration|int|double|string|bool|type)$/;

export function convert(to: string, value: Value): Value {
  const type = typeOf(value);
  if (to === "type") return new Box("type", type);
  if (to === type) return value;
  const inner = raw(value);
  switch (`${to} of ${type}`) {
    case "timestamp of string":
      return instant(parseTime(inner as string));
    case "timestamp of int":
      return instant(Number(inner) * 1000);
    case "duration of string":
      return span(parseDuration(inner as string) ?? fail());
    case "int of double":
      return whole(BigInt(Math.trunc(inner as number)));
    case "int of timestamp":
      return Math.floor((inner as number) / 1000);
    case "int of string":
      return /^[+-]?\d+$/.test(inner as string) ? whole(BigInt((inner as string).replace("+", ""))) : fail();
    case "double of int":
      return float(Number(inner));
    case "double of string":
      return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(inner as string) ? float(Number(inner)) : fail();
    case "string of bool":
      return `${inner}`;
    case "string of timestamp":
      return new Date(inner as number).toISOString();
    case "string of duration":
      return durationText(inner as bigint);
    case "string of int":
    case "string of double":
      return numberText(inner as number);
    case "bool of string":
      if (/^(true|True|TRUE|t|1)$/.test(inner as string)) return true;
      return /^(false|False|FALSE|f|0)$/.test(inner as string) ? false : fail();
    default:
      return fail();
  }
}

/** As the server's JSON writes numbers: the shortest digits, with an exponent where they are many. */
function numberText(number: number): string {
  if (typeof number === "bigint" || isInteger(number)) return `${BigInt(number)}`;
  const size = Math.abs(number);
  return size >= 1e-5 && size < 1e16 ? `${number}` : number.toExponential();
}

/** Code points of a text, elements of a list, members of a map. */
export function size(value: Value): number {
  if (typeof value === "string") return [...value].length;
  if (isList(value)) return value.length;
  return typeOf(value) === "map" ? Object.keys(value as object).length : fail();
}
