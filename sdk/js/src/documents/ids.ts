import { badArgument } from "../errors.js";
import { base32hex, randomBytes } from "../transport/random.js";
import type { Clock } from "../transport/types.js";

const ID = /^[A-Za-z0-9_-]{1,64}$/;
const COLLECTION = /^[A-Za-z][A-Za-z0-9_]{0,62}$/;
/** 48 bits of milliseconds, then chance: the server's own form, so ids of both sort by time together. */
const TIME_BYTES = 6;
const ALL_BYTES = 15;

/** A new document's id. Made here, so that a create that is sent twice is one document. */
export function newId(clock: Clock): string {
  const bytes = randomBytes(clock, ALL_BYTES);
  let time = Math.max(0, clock.now());
  for (let place = TIME_BYTES - 1; place >= 0; place--) {
    bytes[place] = time % 256;
    time = Math.floor(time / 256);
  }
  return base32hex(bytes);
}

export function checkId(id: string): string {
  if (typeof id !== "string" || !ID.test(id)) {
    throw badArgument(`${JSON.stringify(id)} is no id: 1 to 64 of A-Z, a-z, 0-9, _ and -.`);
  }
  return id;
}

export function checkCollection(name: string): string {
  if (typeof name !== "string" || !COLLECTION.test(name)) {
    throw badArgument(`${JSON.stringify(name)} is no collection: a letter, then up to 62 of A-Z, a-z, 0-9 and _.`);
  }
  return name;
}
