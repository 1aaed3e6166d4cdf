/** Where files are. */
import { badArgument } from "../errors.js";
import { queryString, segment } from "../transport/url.js";
import type { FilePlace, ImageOptions, SignOptions, UrlOptions } from "./types.js";

const BUCKET = /^[A-Za-z][A-Za-z0-9_-]{0,62}$/;

export function checkBucket(name: string): string {
  if (typeof name === "string" && BUCKET.test(name)) return name;
  throw badArgument(`${JSON.stringify(name)} is no bucket: a letter, then up to 62 of A-Z, a-z, 0-9, _ and -.`);
}

/** A file's path in the server's URL: each part encoded, so that none of them can climb or begin a query. */
export function encodePath(path: string): string {
  if (typeof path !== "string") throw badArgument("A file's path is a text.");
  return path.split("/").map(segment).join("/");
}

export function checkPlace(place: FilePlace): FilePlace {
  if ("path" in place) encodePath(place.path);
  return place;
}

export function imageQuery(image: ImageOptions = {}): Record<string, string | number | boolean | undefined> {
  const { preset, width, height, fit, format, quality, strip } = image;
  return { preset, width, height, fit, format, quality, strip };
}

export function urlQuery({ download, ...image }: UrlOptions): string {
  return queryString({ ...imageQuery(image), download: savedAs(download) });
}

/** Under its own name where that is empty. */
function savedAs(download: boolean | string | undefined): string | undefined {
  if (typeof download === "string") return download;
  return download ? "" : undefined;
}

/** As the server takes it: a preset stands beside the sizes of one's own. */
export function signBody(file: FilePlace & SignOptions): object {
  checkPlace(file);
  const { image: { preset, ...image } = {}, download, ...rest } = file;
  const size = Object.values(image).some((value) => value !== undefined) ? { image } : {};
  return { method: "GET", ...rest, ...size, preset, download: savedAs(download) };
}

/** RFC 9110's `Range`. */
export function rangeOf({ from, to }: { from: number; to?: number }): string {
  const isWhole = Number.isInteger(from) && (to === undefined || (Number.isInteger(to) && from >= 0 && to >= from));
  if (!isWhole) throw badArgument("A range is from one whole number up to and with another, or from a negative one.");
  return from < 0 ? `bytes=${from}` : `bytes=${from}-${to ?? ""}`;
}
