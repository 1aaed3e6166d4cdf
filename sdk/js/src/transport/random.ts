import type { Clock } from "./types.js";

/** Sorts like the bytes that it stands for (RFC 4648, "base32hex", in lower case). */
const ALPHABET = "0123456789abcdefghijklmnopqrstuv";

/** Random bytes; where the platform has no generator (React Native without a polyfill) the clock's chance has to do. */
export function randomBytes(clock: Clock, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  if (typeof crypto !== "undefined" && typeof crypto.getRandomValues === "function") {
    return crypto.getRandomValues(bytes);
  }
  return bytes.map(() => Math.floor(clock.random() * 256));
}

/** `length` bytes of chance as text, 8 characters for each 5 bytes. */
export function randomId(clock: Clock, length: number): string {
  return base32hex(randomBytes(clock, length));
}

export function base32hex(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = (value << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += ALPHABET[(value >>> bits) & 31];
    }
    value &= (1 << bits) - 1;
  }
  return bits > 0 ? text + ALPHABET[(value << (5 - bits)) & 31] : text;
}
