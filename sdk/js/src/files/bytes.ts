/** The bytes of an upload, in pieces and never all at once where they come from a disk. */
import { badArgument } from "../errors.js";
import type { UploadSource } from "./types.js";

export interface Bytes {
  size: number;
  /** As the source itself says; empty where it says nothing. */
  type: string;
  whole: Blob | Uint8Array;
  slice(from: number, to: number): Blob | Uint8Array;
  /** What tells this source from others with other bytes; null where nothing does. */
  mark: unknown[] | null;
}

export function bytesOf(source: UploadSource): Bytes {
  if (typeof source === "string") return fromMemory(new TextEncoder().encode(source), "text/plain;charset=utf-8");
  if (source instanceof ArrayBuffer) return fromMemory(new Uint8Array(source), "");
  if (source instanceof Uint8Array) return fromMemory(source, "");
  if (typeof Blob !== "undefined" && source instanceof Blob) return fromBlob(source);
  throw badArgument("A File, Blob, ArrayBuffer, Uint8Array or string can be uploaded.");
}

function fromMemory(whole: Uint8Array, type: string): Bytes {
  return { size: whole.length, type, whole, slice: (from, to) => whole.subarray(from, to), mark: null };
}

function fromBlob(whole: Blob): Bytes {
  const { name, lastModified } = whole as Partial<File>;
  const mark = name === undefined || lastModified === undefined ? null : [name, whole.size, lastModified];
  return { size: whole.size, type: whole.type, whole, slice: (from, to) => whole.slice(from, to), mark };
}

/** Of a piece that is in memory, or is read into it. */
export async function inMemory(piece: Blob | Uint8Array): Promise<Uint8Array> {
  return piece instanceof Uint8Array ? piece : new Uint8Array(await piece.arrayBuffer());
}

export function base64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

export const base64Text = (text: string): string => base64(new TextEncoder().encode(text));
