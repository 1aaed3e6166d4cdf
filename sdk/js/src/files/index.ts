/**
 * `@basalt/client/files`: an entry of its own, so that apps without files load nothing of it, and one that has some
 * needn't fetch code while its connection is bad.
 */

import type { Json } from "../documents/types.js";
import { insideOf } from "../inside.js";
import { FileBucket } from "./bucket.js";
import { Remembered } from "./remembered.js";

export type { FileBucket } from "./bucket.js";
export type { Download } from "./download.js";
export type * from "./types.js";

export interface Files {
  bucket<Data extends object = Record<string, Json>>(name: string): FileBucket<Data>;
}

/** The same client, with `client.files`: `const client = withFiles(createClient({ url }))`. One of `createAdmin`, too. */
export function withFiles<C extends object>(client: C): C & { readonly files: Files } {
  const inside = insideOf(client);
  const remembered = new Remembered(inside);
  const files: Files = { bucket: (name) => new FileBucket(inside, remembered, name) };
  return Object.defineProperty(client, "files", { value: files, enumerable: true }) as C & { readonly files: Files };
}
