/** A file's bytes on their way here. A download whose connection breaks goes on where it was, if the file is the same. */
import { BasaltError, isBasaltError } from "../errors.js";
import type { Inside } from "../inside.js";
import { networkError, unlessAborted } from "../transport/attempt.js";
import { DEFAULT_RETRIES, waitFor } from "../transport/retry.js";
import type { ApiRequest } from "../transport/types.js";

/** An answer whose body can be read once, in one of these ways. */
export class Download {
  /** Made by `bucket.download(path)`. */
  constructor(
    private readonly response: Response,
    private readonly bytes: ReadableStream<Uint8Array> | null,
  ) {}

  /** 200, or 206 for a range. */
  get status(): number {
    return this.response.status;
  }

  get headers(): Headers {
    return this.response.headers;
  }

  get contentType(): string {
    return this.headers.get("content-type") ?? "application/octet-stream";
  }

  /** Bytes that are to come; null where the server doesn't say. */
  get size(): number | null {
    const length = this.headers.get("content-length");
    return length === null ? null : Number(length);
  }

  /** The hex SHA-256 of the whole file; null for pictures that were made from it. */
  get sha256(): string | null {
    return /^"([0-9a-f]{64})"$/.exec(this.headers.get("etag") ?? "")?.[1] ?? null;
  }

  /** Piece by piece. */
  stream(): ReadableStream<Uint8Array> {
    if (this.bytes) return this.bytes;
    throw new BasaltError({ code: "bad_answer", message: "This environment's fetch gives no streams." });
  }

  blob(): Promise<Blob> {
    return this.#body().blob().catch(rethrow);
  }

  arrayBuffer(): Promise<ArrayBuffer> {
    return this.#body().arrayBuffer().catch(rethrow);
  }

  text(): Promise<string> {
    return this.#body().text().catch(rethrow);
  }

  #body(): Response {
    if (!this.bytes) return this.response;
    return new Response(this.bytes as ReadableStream<Uint8Array<ArrayBuffer>>, {
      headers: { "content-type": this.contentType },
    });
  }
}

function rethrow(error: unknown): never {
  throw networkError(error);
}

export async function startDownload(inside: Inside, request: ApiRequest): Promise<Download> {
  const response = await inside.transport.response(request);
  const { body } = response;
  if (!body) return new Download(response, null);
  const place = placeOf(response);
  return new Download(response, place ? new Resuming(inside, request, place, body).stream() : body);
}

interface Place {
  etag: string;
  /** The next byte that is to come, and the one after the last. */
  at: number;
  end: number;
}

/** Null where nothing says which bytes these are: it is then read as it comes. */
function placeOf({ status, headers }: Response): Place | null {
  const etag = headers.get("etag");
  const length = Number(headers.get("content-length") ?? Number.NaN);
  if (!etag?.startsWith('"') || !Number.isInteger(length) || headers.has("content-encoding")) return null;
  const from = status === 206 ? Number(/^bytes (\d+)-/.exec(headers.get("content-range") ?? "")?.[1] ?? Number.NaN) : 0;
  return Number.isInteger(from) ? { etag, at: from, end: from + length } : null;
}

class Resuming {
  #reader: ReadableStreamDefaultReader<Uint8Array>;
  #tries = 0;

  constructor(
    private readonly inside: Inside,
    private readonly request: ApiRequest,
    private readonly place: Place,
    body: ReadableStream<Uint8Array>,
  ) {
    this.#reader = body.getReader();
  }

  stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>({
      pull: (controller) => this.#pull(controller),
      cancel: (reason) => this.#reader.cancel(reason),
    });
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    while (true) {
      try {
        const { done, value } = await unlessAborted(this.#reader.read(), this.request.signal);
        if (!done) {
          this.place.at += value.length;
          this.#tries = 0;
          return controller.enqueue(value);
        }
        if (this.place.at >= this.place.end) return controller.close();
        throw new TypeError("the answer ended early");
      } catch (error) {
        await this.#again(networkError(error));
      }
    }
  }

  async #again(error: BasaltError): Promise<void> {
    const { clock, transport } = this.inside;
    const { etag, at, end } = this.place;
    const wait = this.#tries < DEFAULT_RETRIES.retries ? waitFor(error, this.#tries, DEFAULT_RETRIES, clock) : null;
    if (!isBasaltError(error, "network") || this.request.signal?.aborted || wait === null) throw error;
    this.#tries += 1;
    await clock.sleep(wait, this.request.signal);
    const headers = { ...this.request.headers, range: `bytes=${at}-${end - 1}`, "if-range": etag };
    const response = await transport.response({ ...this.request, headers });
    if (response.status !== 206 || response.headers.get("etag") !== etag || !response.body) {
      throw new BasaltError({ code: "network", message: "The file was changed during its download." });
    }
    this.#reader = response.body.getReader();
  }
}
