/** A server of files, played by a `fetch`: tus 1.0 as its protocol says, with whatever may go wrong on the way. */
import { createHash } from "node:crypto";
import type { Fetch } from "../../../src/transport/types.js";
import { json, noContent, problem } from "../../support/fetch.js";

interface Upload {
  length: number;
  metadata: Record<string, string>;
  bytes: Uint8Array;
  expired: boolean;
}

export interface Asked {
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Of its body. */
  size: number;
}

type Fate = (asked: Asked) => Befalls | undefined;

/** What befalls a request: it may be changed, answered, or break off before or after it was done. */
export type Befalls =
  | { lost: "request" | "answer" }
  /** So many bytes of the body arrive, then the connection is gone. */
  | { cut: number }
  /** One byte of the body is another one. */
  | { flipped: true }
  | { answer: () => Response }
  | { hangs: true };

export class TusServer {
  readonly asked: Asked[] = [];
  readonly uploads = new Map<string, Upload>();
  readonly files = new Map<string, { bytes: Uint8Array; contentType: string; data: unknown }>();
  readonly unreadable = new Set<string>();
  #fates: Fate[] = [];
  #names = 0;

  /** The next requests of this method befalls this, in turn. */
  befalls(method: string, ...fates: Befalls[]): void {
    for (const fate of fates) {
      const own: Fate = (asked) => {
        if (asked.method !== method) return undefined;
        this.#fates = this.#fates.filter((other) => other !== own);
        return fate;
      };
      this.#fates.push(own);
    }
  }

  /** Each request of this method may befall something. */
  sometimes(method: string, fate: () => Befalls | undefined): void {
    this.#fates.push((asked) => (asked.method === method ? fate() : undefined));
  }

  of(method: string): Asked[] {
    return this.asked.filter((asked) => asked.method === method);
  }

  readonly fetch: Fetch = async (url, init = {}) => {
    if (init.signal?.aborted) throw init.signal.reason;
    const path = url.replace(/^https?:\/\/[^/]+/, "");
    const headers = Object.fromEntries(new Headers(init.headers).entries());
    const method = init.method ?? "GET";
    let body = new Uint8Array(await new Response(init.body ?? null).arrayBuffer());
    const asked = { method, path, headers, size: body.length };
    this.asked.push(asked);
    const fate = this.#fateOf(asked);
    if (fate && "hangs" in fate) return never(init.signal);
    if (fate && "answer" in fate) return fate.answer();
    if (fate && "lost" in fate && fate.lost === "request") throw new TypeError("fetch failed");
    if (fate && "cut" in fate) body = body.slice(0, fate.cut);
    if (fate && "flipped" in fate) body[0] = (body[0] ?? 0) ^ 1;
    const answer = this.#answer(method, path, headers, body, fate !== undefined && "cut" in fate);
    if (fate && ("cut" in fate || "lost" in fate)) throw new TypeError("terminated");
    return method === "HEAD" ? new Response(null, answer) : answer;
  };

  #fateOf(asked: Asked): Befalls | undefined {
    for (const fate of this.#fates) {
      const befalls = fate(asked);
      if (befalls) return befalls;
    }
    return undefined;
  }

  #answer(method: string, path: string, headers: Record<string, string>, body: Uint8Array, isCut: boolean): Response {
    const [, bucket = "", room, rest = ""] = /^\/v1\/buckets\/(\w+)\/(\w+)\/?(.*)$/.exec(path) ?? [];
    if (room === "files" && method === "PUT") return this.#put(bucket, decode(rest), headers, body);
    if (room === "metadata" && method === "GET") return this.#metadata(bucket, decode(rest));
    if (room !== "uploads") return problem(404, "not_found");
    if (headers["tus-resumable"] !== "1.0.0") return problem(412, "tus_version");
    if (rest === "" && method === "POST") return this.#create(bucket, headers);
    const upload = this.uploads.get(rest);
    if (!upload) return problem(404, "upload_not_found");
    if (upload.expired) return problem(410, "upload_expired");
    switch (method) {
      case "HEAD":
        return new Response(null, { status: 200, headers: state(upload) });
      case "PATCH":
        return this.#patch(upload, headers, body, isCut);
      case "DELETE":
        this.uploads.delete(rest);
        return noContent();
      default:
        return problem(405, "method_not_allowed");
    }
  }

  #create(bucket: string, headers: Record<string, string>): Response {
    const metadata = Object.fromEntries(
      (headers["upload-metadata"] ?? "").split(",").map((pair) => {
        const [name = "", value = ""] = pair.split(" ");
        return [name, Buffer.from(value, "base64").toString()];
      }),
    );
    if (headers["if-none-match"] === "*" && this.files.has(metadata.path ?? ""))
      return problem(412, "precondition_failed");
    const id = `u${++this.#names}`;
    this.uploads.set(id, {
      length: Number(headers["upload-length"]),
      metadata,
      bytes: new Uint8Array(),
      expired: false,
    });
    const location = `https://elsewhere.test/prefix/v1/buckets/${bucket}/uploads/${id}`;
    return new Response(null, {
      status: 201,
      headers: { location, "upload-expires": "Sat, 28 Nov 2026 08:00:00 GMT" },
    });
  }

  #patch(upload: Upload, headers: Record<string, string>, body: Uint8Array, isCut: boolean): Response {
    if (headers["content-type"] !== "application/offset+octet-stream") return problem(415, "unsupported_media_type");
    if (Number(headers["upload-offset"]) !== upload.bytes.length) return problem(409, "offset_mismatch");
    const checksum = headers["upload-checksum"];
    if (checksum !== undefined) {
      // What can't be checked counts for nothing.
      if (isCut) return noContent();
      if (checksum !== `sha256 ${createHash("sha256").update(body).digest("base64")}`)
        return problem(460, "checksum_mismatch");
    }
    upload.bytes = concat(upload.bytes, body);
    if (upload.bytes.length > upload.length) return problem(400, "bad_request");
    if (upload.bytes.length < upload.length) return new Response(null, { status: 204, headers: state(upload) });
    const { path = "", contentType = "", data = "{}" } = upload.metadata;
    this.files.set(path, { bytes: upload.bytes, contentType, data: JSON.parse(data) });
    const done = { ...state(upload), "basalt-file-id": `id-of-${path}`, etag: `"${sha256(upload.bytes)}"` };
    return new Response(null, { status: 204, headers: done });
  }

  #put(bucket: string, path: string, headers: Record<string, string>, body: Uint8Array): Response {
    const isNew = !this.files.has(path);
    if (headers["if-none-match"] === "*" && !isNew) return problem(412, "precondition_failed");
    const data = JSON.parse(Buffer.from(headers["basalt-file-data"] ?? "e30=", "base64").toString());
    this.files.set(path, { bytes: body, contentType: headers["content-type"] ?? "", data });
    return json(this.#describe(bucket, path), isNew ? 201 : 200);
  }

  #metadata(bucket: string, path: string): Response {
    if (!this.files.has(path) || this.unreadable.has(path)) return problem(404, "file_not_found");
    return json(this.#describe(bucket, path));
  }

  #describe(bucket: string, path: string): object {
    const { bytes = new Uint8Array(), contentType, data } = this.files.get(path) ?? {};
    return {
      id: `id-of-${path}`,
      bucket,
      path,
      size: bytes.length,
      contentType,
      sha256: sha256(bytes),
      status: "ready",
      data,
    };
  }
}

function state(upload: Upload): Record<string, string> {
  return {
    "tus-resumable": "1.0.0",
    "upload-offset": String(upload.bytes.length),
    "upload-length": String(upload.length),
    "cache-control": "no-store",
  };
}

const decode = (path: string): string => path.split("/").map(decodeURIComponent).join("/");

export const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

function concat(first: Uint8Array, second: Uint8Array): Uint8Array {
  const all = new Uint8Array(first.length + second.length);
  all.set(first);
  all.set(second, first.length);
  return all;
}

function never(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => signal?.addEventListener("abort", () => reject(signal.reason), { once: true }));
}
