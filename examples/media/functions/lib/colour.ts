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

/** Of `#rrggbb` the name that is nearest. */
export function nameOf(colour: string): string {
  const parts = [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
  const distance = (other: readonly number[]) =>
    parts.reduce((sum, part, index) => sum + (part - (other[index] ?? 0)) ** 2, 0);
  const [name] = Object.entries(NAMES).reduce((best, one) => (distance(one[1]) < distance(best[1]) ? one : best));
  return name;
}
