/** Names for colours, so that pictures are found by them. */

const NAMES = {
  black: [0, 0, 0],
  white: [255, 255, 255],
  grey: [128, 128, 128],
  red: [210, 40, 40],
  orange: [240, 140, 30],
  yellow: [240, 220, 50],
  green: [50, 160, 60],
  blue: [50, 90, 210],
  purple: [140, 60, 170],
  pink: [240, 150, 180],
  brown: [120, 75, 40],
} as const;

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

export type Colour = [red: number, green: number, blue: number];

/** The average colour of a blurhash: its characters 3 to 6 are a number in base 83, which is the colour in 24 bits. */
export function averageOf(blurhash: string): Colour {
  const value = [...blurhash.slice(2, 6)].reduce((sum, digit) => sum * 83 + DIGITS.indexOf(digit), 0);
  return [(value >> 16) & 255, (value >> 8) & 255, value & 255];
}

export function hex(colour: Colour): string {
  return `#${colour.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

/** Of the names the one that is nearest. */
export function nameOf(colour: Colour): string {
  const distance = (other: readonly number[]) =>
    colour.reduce((sum, part, index) => sum + (part - (other[index] ?? 0)) ** 2, 0);
  const [name] = Object.entries(NAMES).reduce((best, one) => (distance(one[1]) < distance(best[1]) ? one : best));
  return name;
}
