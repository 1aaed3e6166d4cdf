import type { Expression } from "../documents/expression.js";
import type { CallOptions, Document, Json } from "../documents/types.js";
import type { components } from "../generated/openapi.js";
import type { LiveState } from "../realtime/types.js";

type Schemas = components["schemas"];

/** What an upload may be made of. Files and blobs are read piece by piece, so they may be of any size. */
export type UploadSource = Blob | ArrayBuffer | Uint8Array | string;

/** Of a picture. */
export interface ImageInfo {
  width: number;
  height: number;
  /** A blurred likeness to be shown until the picture is there. */
  blurhash?: string;
  /** Its dominant colour: `#rrggbb`. */
  color?: string;
}

/** What the server knows of a file; all but `data` is its own to write. */
export interface FileFields<Data = Record<string, Json>> {
  bucket: string;
  path: string;
  /** The path without its last part. */
  folder: string;
  /** Bytes. */
  size: number;
  contentType: string;
  /** Of the bytes, in hex; their `ETag`, too. */
  sha256: string;
  /** Who uploaded it; null for a visitor or a service. */
  owner?: string | null;
  /** `pending`: for those who may see it once a scanner has released it. */
  status: "ready" | "pending";
  image?: ImageInfo;
  data: Data;
}

/** A document of the collection `files`. */
export type FileMetadata<Data = Record<string, Json>> = Document<FileFields<Data>>;

/**
 * `uploading`: under way; `waiting`: for the next try after a lost connection; `paused`: until `resume()`; `done` and
 * `failed` are final.
 */
export type UploadState = "uploading" | "waiting" | "paused" | "done" | "failed";

export interface UploadProgress {
  /** Bytes that have been sent; of a resumable upload it may go back to what the server has. */
  sent: number;
  total: number;
  state: UploadState;
}

export interface UploadOptions<Data = Record<string, Json>> {
  /** The blob's own type where nothing is said, or else `application/octet-stream`. */
  contentType?: string;
  /** Fields of one's own in the metadata. */
  data?: Data;
  /** Told of each change, also of the state. */
  onProgress?: (progress: UploadProgress) => void;
  /** `auto`: in pieces that survive lost connections from 5 MB on. */
  resumable?: "auto" | boolean;
  /** `*`: only if there is no file at this path; else `precondition_failed`. */
  ifNoneMatch?: "*";
  /** Only if the file there has these bytes: their `sha256`. Not for resumable uploads. */
  ifMatch?: string;
  /** Aborts the upload, like `abort()`. */
  signal?: AbortSignal;
  /** Bytes of a piece of a resumable upload: 8 MB. */
  chunkSize?: number;
  /** Send the SHA-256 of each piece of a resumable upload along. Needs WebCrypto, so a secure page. */
  checksum?: boolean;
  /**
   * What makes it known that this is the same upload as before a reload, so that it goes on. A `File` is known by its
   * name, size and time; of anything else the app has to say.
   */
  fingerprint?: string;
}

/** An upload under way: a promise of the metadata, with buttons. */
export interface Upload<Data = Record<string, Json>> extends Promise<FileMetadata<Data>> {
  readonly progress: UploadProgress;
  /** Stops sending. A resumable upload keeps what the server has. */
  pause(): void;
  resume(): void;
  /** Gives up: the promise is rejected with `aborted`, and the server forgets what it has. */
  abort(): void;
}

/** How a picture is to be: as a preset of the bucket says, or as is said here. The public may have presets alone. */
export interface ImageOptions {
  preset?: string;
  width?: number;
  height?: number;
  fit?: "cover" | "contain" | "inside";
  format?: "webp" | "jpeg" | "png" | "avif";
  /** 1 to 100. */
  quality?: number;
  /** Leaves out what the picture says about where and how it was taken. */
  strip?: boolean;
}

export interface UrlOptions extends ImageOptions {
  /** Is saved instead of shown, under this name where there is one. */
  download?: boolean | string;
}

export interface DownloadOptions extends CallOptions {
  /** Bytes `from` up to and with `to`, or to the end; a negative `from` counts from the end. */
  range?: { from: number; to?: number };
  image?: ImageOptions;
}

export interface SignOptions {
  image?: ImageOptions;
  /** As in `url`. */
  download?: boolean | string;
  /** `GET` where nothing is said. */
  method?: "GET" | "PUT";
  /** `15m`, `1h`, `7d`. */
  expiresIn?: string;
  /** Of an upload, in bytes. */
  maxSize?: number;
  /** Of an upload: the only one that it may have. */
  contentType?: string;
}

export type SignedUrl = Schemas["SignedUrl"];

/** What a scanner looked at: with `sha256` only if the file still has these bytes. */
export type Scanned = FilePlace & { sha256?: string };

/** A file by its path or, wherever it was moved to, by its id. */
export type FilePlace = { path: string } | { id: string };

export interface ListOptions extends CallOptions {
  prefix?: string;
  /** `/`: what has one after the prefix is not listed but told as a folder, in `prefixes`. */
  delimiter?: string;
  /** A condition on the metadata: `where("data.album", "==", "sea")`. */
  filter?: Expression;
  /** Fields of the metadata, `-` before one for descending. By path where nothing is said. */
  sort?: readonly string[];
  limit?: number;
  cursor?: string;
}

export interface FilePage<Data = Record<string, Json>> {
  items: FileMetadata<Data>[];
  nextCursor: string | null;
  /** With `delimiter`: the folders, each with the delimiter at its end. */
  prefixes: string[];
}

export interface FileQuery {
  prefix?: string;
  filter?: Expression;
}

export interface CopyOptions extends CallOptions {
  toBucket?: string;
  /** Replaces what is there; else `file_exists`. */
  overwrite?: boolean;
}

/** One file's metadata, live. */
export interface LiveFile<Data = Record<string, Json>> {
  /** `null`: it isn't there, or may not be read. */
  file: FileMetadata<Data> | null;
  state: LiveState;
  seq: string;
  /** From this device's cache alone; never without `persistence`. */
  fromCache: boolean;
}
