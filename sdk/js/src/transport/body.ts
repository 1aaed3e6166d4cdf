import { badArgument } from "../errors.js";
import type { ApiRequest } from "./types.js";

export interface Encoded {
  body: BodyInit | undefined;
  contentType: string | null;
  streaming: boolean;
}

/** The body as it goes over the wire: JSON, or as it is when it says what it is. */
export function encodeBody(request: ApiRequest): Encoded {
  const { body } = request;
  if (body === undefined) return { body: undefined, contentType: null, streaming: false };
  if (hasContentType(request) && (typeof body === "string" || isRaw(body))) {
    return { body: body as BodyInit, contentType: null, streaming: isStream(body) };
  }
  let text: string | undefined;
  try {
    text = JSON.stringify(body);
  } catch (error) {
    throw badArgument(`This is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (text === undefined) throw badArgument("This is no JSON.");
  return { body: text, contentType: hasContentType(request) ? null : "application/json", streaming: false };
}

function hasContentType(request: ApiRequest): boolean {
  return Object.keys(request.headers ?? {}).some((name) => name.toLowerCase() === "content-type");
}

/** Some environments have no streams to compare with. */
export function isStream(body: unknown): boolean {
  return typeof ReadableStream !== "undefined" && body instanceof ReadableStream;
}

function isRaw(body: unknown): boolean {
  if (isStream(body) || body instanceof Uint8Array || body instanceof ArrayBuffer) return true;
  return typeof Blob !== "undefined" && body instanceof Blob;
}
