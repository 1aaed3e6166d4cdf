/**
 * An upload in pieces by tus 1.0 (https://tus.io/protocols/resumable-upload): what the server has is asked for after
 * each failure, and sent from there. It outlives lost connections, restarts of the server, and reloads of the page.
 */
import { BasaltError, badArgument } from "../errors.js";
import type { ApiAnswer, ApiRequest } from "../transport/types.js";
import { base64, base64Text, inMemory } from "./bytes.js";
import { encodePath } from "./paths.js";
import { isLost, isTooBigForProxy, Patience } from "./patience.js";
import type { Remembered } from "./remembered.js";
import { bigBody, type Task, type Turn, type Way } from "./task.js";
import type { FileMetadata } from "./types.js";

const CHUNK = 8 << 20;
const SMALLEST_CHUNK = 256 << 10;
const VERSION = { "tus-resumable": "1.0.0" };

export function resumableUpload<Data>(task: Task<Data>, remembered: Remembered): Way<Data> {
  return new Resumable(task, remembered);
}

export function checkChunk(size: number | undefined): void {
  if (size !== undefined && !(Number.isInteger(size) && size > 0)) throw badArgument("chunkSize is a number of bytes.");
}

class Resumable<Data> implements Way<Data> {
  /** The upload's id at the server, once there is one. */
  #id: string | null = null;
  #user: string | null | undefined;
  #chunk: number;
  /** Of the last answer, which tells what became of the file. */
  #headers = new Headers();
  readonly #patience: Patience;
  readonly #checksum: boolean;

  constructor(
    private readonly task: Task<Data>,
    private readonly remembered: Remembered,
  ) {
    this.#patience = new Patience(task.inside.clock);
    this.#chunk = Math.min(task.options.chunkSize ?? CHUNK, task.bytes.size);
    this.#checksum = task.options.checksum === true && typeof crypto !== "undefined" && crypto.subtle !== undefined;
  }

  async send(turn: Turn): Promise<FileMetadata<Data>> {
    const { size } = this.task.bytes;
    let offset: number | null = null;
    while (true) {
      try {
        await this.#checkUser();
        offset ??= await this.#whereTo(turn.signal);
        this.#patience.reached(offset);
        turn.sent(offset);
        if (offset === size) return await this.#finished(turn.signal);
        offset = await this.#append(offset, turn);
      } catch (error) {
        offset = null;
        await this.#recover(error, turn);
      }
    }
  }

  async abandon(): Promise<void> {
    await this.#forget();
    if (this.#id === null) return;
    // Else it expires by itself.
    await this.#request({ method: "DELETE", path: this.#path(this.#id), headers: VERSION }).catch(() => {});
  }

  async #recover(error: unknown, turn: Turn): Promise<void> {
    if (turn.signal.aborted) throw error;
    const wait = this.#patience.after(error);
    if (isLost(error)) await this.#lost(error);
    // A piece with a checksum counts as a whole or not at all, so on a bad connection it had better be small.
    if (this.#checksum || isTooBigForProxy(error)) this.#chunk = smaller(this.#chunk);
    turn.waiting();
    await this.task.inside.clock.sleep(wait, turn.signal);
  }

  /** What one user began is not gone on with as another who signed in meanwhile. */
  async #checkUser(): Promise<void> {
    const user = await this.task.inside.userId();
    if (this.#user === undefined) this.#user = user;
    if (user !== this.#user) {
      throw new BasaltError({ code: "aborted", message: "Somebody else is signed in now." });
    }
  }

  /** How many bytes the server has; with none it is told what will come. */
  async #whereTo(signal: AbortSignal): Promise<number> {
    this.#id ??= await this.#known();
    if (this.#id === null) return this.#create(signal);
    try {
      const path = this.#path(this.#id);
      const { headers } = await this.#request({ method: "HEAD", path, headers: VERSION, signal });
      const length = headers.get("upload-length");
      const offset = this.#offset(headers, 0);
      if (length === null || Number(length) === this.task.bytes.size) return offset;
      throw new BasaltError({ code: "upload_not_found", message: "What was remembered is another upload." });
    } catch (error) {
      if (!isLost(error)) throw error;
      await this.#lost(error);
      return this.#create(signal);
    }
  }

  async #create(signal: AbortSignal): Promise<number> {
    const { bucket, bytes, options } = this.task;
    const headers: Record<string, string> = {
      ...VERSION,
      "upload-length": String(bytes.size),
      "upload-metadata": this.#metadata(),
    };
    if (options.ifNoneMatch !== undefined) headers["if-none-match"] = options.ifNoneMatch;
    // Said twice, it leaves an empty upload behind, which expires.
    const answer = await this.#request({ method: "POST", path: `/v1/buckets/${bucket}/uploads`, headers, signal });
    this.#id = idOf(answer);
    const mark = this.#mark();
    const expires = Date.parse(answer.headers.get("upload-expires") ?? "");
    if (mark !== null) await this.remembered.keep(mark, this.#id, Number.isNaN(expires) ? null : expires);
    return 0;
  }

  async #append(offset: number, turn: Turn): Promise<number> {
    const { bytes, inside } = this.task;
    const end = Math.min(offset + this.#chunk, bytes.size);
    let piece = bytes.slice(offset, end);
    const headers: Record<string, string> = {
      ...VERSION,
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream",
    };
    if (this.#checksum) {
      piece = await inMemory(piece);
      const digest = await crypto.subtle.digest("SHA-256", piece as Uint8Array<ArrayBuffer>);
      headers["upload-checksum"] = `sha256 ${base64(new Uint8Array(digest))}`;
    }
    const answer = await this.#request({
      method: "PATCH",
      path: this.#path(this.#id ?? ""),
      headers,
      body: piece,
      signal: turn.signal,
      ...bigBody(inside, end - offset, (sent) => turn.sent(offset + sent)),
    });
    return this.#offset(answer.headers, offset + 1);
  }

  async #finished(signal: AbortSignal): Promise<FileMetadata<Data>> {
    await this.#forget();
    const { inside, bucket, path, bytes, contentType } = this.task;
    const url = `/v1/buckets/${bucket}/metadata/${encodePath(path)}`;
    try {
      return (await inside.transport.request<FileMetadata<Data>>({ method: "GET", path: url, signal })).data;
    } catch (error) {
      if (!(error instanceof BasaltError) || ![401, 403, 404].includes(error.status)) throw error;
      // Who may upload may not be one who may read.
      const id = this.#headers.get("basalt-file-id") ?? "";
      const sha256 = (this.#headers.get("etag") ?? "").replaceAll('"', "");
      return { id, bucket, path, size: bytes.size, contentType, sha256 } as FileMetadata<Data>;
    }
  }

  /** Without a key, and tried once: the offset says what was done. */
  async #request(request: ApiRequest): Promise<ApiAnswer<null>> {
    const { transport } = this.task.inside;
    const answer = await transport.request<null>({ ...request, idempotencyKey: false, retries: 0 });
    this.#headers = answer.headers;
    return answer;
  }

  #offset(headers: Headers, least: number): number {
    const offset = Number(headers.get("upload-offset") ?? Number.NaN);
    if (Number.isInteger(offset) && offset >= least && offset <= this.task.bytes.size) return offset;
    throw new BasaltError({ code: "bad_answer", message: "The answer has no usable Upload-Offset." });
  }

  #metadata(): string {
    const { path, contentType, options } = this.task;
    const fields: [string, string][] = [
      ["path", path],
      ["contentType", contentType],
    ];
    if (options.data !== undefined) fields.push(["data", JSON.stringify(options.data)]);
    return fields.map(([name, value]) => `${name} ${base64Text(value)}`).join(",");
  }

  /** By which it is found after a reload; null where nothing tells the bytes from others. */
  #mark(): string | null {
    const { bucket, path, bytes, options } = this.task;
    const source = options.fingerprint === undefined ? bytes.mark : [options.fingerprint, bytes.size];
    return source && JSON.stringify([this.#user ?? null, bucket, path, ...source]);
  }

  async #known(): Promise<string | null> {
    const mark = this.#mark();
    return mark === null ? null : this.remembered.find(mark);
  }

  async #lost(error: unknown): Promise<void> {
    this.#id = null;
    await this.#forget();
    this.#patience.lost(error);
  }

  async #forget(): Promise<void> {
    const mark = this.#mark();
    if (mark !== null) await this.remembered.forget(mark);
  }

  #path(id: string): string {
    return `/v1/buckets/${this.task.bucket}/uploads/${id}`;
  }
}

function smaller(chunk: number): number {
  return Math.min(chunk, Math.max(SMALLEST_CHUNK, chunk >> 1));
}

/** The last part of the upload's URL, wherever a proxy makes that begin. */
function idOf({ headers }: ApiAnswer<null>): string {
  const [, id] = /\/uploads\/([A-Za-z0-9_-]+)\/?$/.exec(headers.get("location") ?? "") ?? [];
  if (id !== undefined) return id;
  throw new BasaltError({ code: "bad_answer", message: "The answer has no usable Location." });
}
