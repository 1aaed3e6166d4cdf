import { FileBucket } from "../../../src/files/bucket.js";
import { Remembered } from "../../../src/files/remembered.js";
import type { Inside } from "../../../src/inside.js";
import { type KeyValueStorage, memoryStorage } from "../../../src/storage/storage.js";
import { createTransport } from "../../../src/transport/fetch.js";
import { DEFAULT_RETRIES } from "../../../src/transport/retry.js";
import type { Fetch } from "../../../src/transport/types.js";
import { FakeClock } from "../../support/clock.js";
import { tokens } from "../transport/support.js";

export interface Page {
  clock: FakeClock;
  inside: Inside;
  bucket: FileBucket;
  /** Who is signed in; may be changed. */
  who: { id: string | null };
}

/** A page of the app. Pages that share a storage are one browser's. */
export function page(fetch: Fetch, storage: KeyValueStorage = memoryStorage()): Page {
  const clock = new FakeClock();
  const who: Page["who"] = { id: "ann" };
  const source = { ...tokens("t1"), userId: async () => who.id };
  const transport = createTransport({
    url: "https://api.test",
    fetch,
    clock,
    timeout: 30_000,
    retry: DEFAULT_RETRIES,
    tokens: () => source,
  });
  const inside: Inside = {
    transport,
    clock,
    storage,
    source: {} as Inside["source"],
    storageKey: "session",
    timeout: 30_000,
    fetch,
    hasOwnFetch: true,
    userId: async () => who.id,
  };
  return { clock, inside, who, bucket: new FileBucket(inside, new Remembered(inside), "images") };
}

/** So many bytes of which no two hundred in a row are the same. */
export function noise(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let value = seed;
  for (let place = 0; place < size; place++) {
    value = (Math.imul(value, 1103515245) + 12345) & 0x7fffffff;
    bytes[place] = value >>> 16;
  }
  return bytes;
}

export const fileOf = (bytes: Uint8Array<ArrayBuffer>, name = "sea.jpg", lastModified = 5): File =>
  new File([bytes], name, { type: "image/jpeg", lastModified });
