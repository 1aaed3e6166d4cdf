import { fail } from "./faults.js";
import { float, isMap, isNumber, member, raw, type Value } from "./values.js";

/** The Earth's mean radius in metres (IUGG), and the unit sphere's in the whole numbers that places are rounded to. */
const RADIUS = 6_371_008.8;
const UNIT = 1_073_741_824;

/**
 * Metres on the great circle between two points `{lat, lng}`. The server's own way: places on the sphere are rounded
 * to 6 mm, and the distance follows from the square of the chord, a whole number.
 */
export function distance(left: Value, right: Value): Value {
  const [from, to] = [place(left), place(right)];
  const chord = from.reduce((sum, part, axis) => sum + BigInt(part - (to[axis] ?? 0)) ** 2n, 0n);
  return float(2 * RADIUS * Math.asin(Math.min(Math.sqrt(Number(chord)) / (2 * UNIT), 1)));
}

function place(point: Value): number[] {
  const [lat, lng] = [radians(point, "lat", 90), radians(point, "lng", 180)];
  // Halves are rounded away from zero.
  const rounded = (part: number) => Math.sign(part) * Math.round(Math.abs(part) * UNIT);
  return [Math.cos(lat) * Math.cos(lng), Math.cos(lat) * Math.sin(lng), Math.sin(lat)].map(rounded);
}

function radians(point: Value, name: string, most: number): number {
  const value = (isMap(point) ? member(point, name) : null) ?? null;
  const degrees = isNumber(value) ? Number(raw(value)) : Number.NaN;
  return Math.abs(degrees) <= most ? degrees * (Math.PI / 180) : fail();
}
