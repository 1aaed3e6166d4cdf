import { fail } from "./faults.js";
import { isMap, member, numeric, unfit, type Value } from "./values.js";

/** The Earth's mean radius in metres (IUGG), and the unit sphere's in the whole numbers that places are rounded to. */
const RADIUS = 6_371_008.8;
const UNIT = 1_073_741_824;

/**
 * Metres on the great circle between two points `{lat, lng}`. The server's own way: places on the sphere are rounded
 * to 6 mm, and the distance follows from the square of the chord, a whole number.
 */
export function distance(left: Value, right: Value): number {
  const [from, to] = [place(left), place(right)];
  const chord = from.reduce((sum, part, axis) => sum + BigInt(part - (to[axis] ?? 0)) ** 2n, 0n);
  return 2 * RADIUS * Math.asin(Math.min(Math.sqrt(Number(chord)) / (2 * UNIT), 1));
}

function place(point: Value): number[] {
  const lat = degrees(point, "lat");
  const lng = degrees(point, "lng");
  if (Math.abs(lat) > 90 || Math.abs(lng) > 180) fail("latitudes are within ±90, longitudes within ±180");
  const [a, b] = [lat * (Math.PI / 180), lng * (Math.PI / 180)];
  return [Math.cos(a) * Math.cos(b), Math.cos(a) * Math.sin(b), Math.sin(a)].map(rounded);
}

/** Halves are rounded away from zero. */
function rounded(part: number): number {
  return Math.sign(part) * Math.round(Math.abs(part) * UNIT);
}

function degrees(point: Value, name: string): number {
  if (!isMap(point)) return unfit("a point {lat, lng}", point);
  const value = member(point, name);
  if (value === undefined) return fail(`there is no \`${name}\``);
  const found = numeric(value);
  return found === undefined ? unfit("a number of degrees", value) : Number(found);
}
