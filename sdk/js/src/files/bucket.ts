import { all, type Expression, where } from "../documents/expression.js";
import { Query } from "../documents/query.js";
import type { Patch } from "../documents/shapes.js";
import type { CallOptions, Json } from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import type { Inside } from "../inside.js";
import type { LiveResult } from "../realtime/live.js";
import type { ApiRequest } from "../transport/types.js";
import { bytesOf } from "./bytes.js";
import { type Download, startDownload } from "./download.js";
import { checkBucket, checkPlace, encodePath, imageQuery, rangeOf, signBody, urlQuery } from "./paths.js";
import { signedUpload, simpleUpload } from "./put.js";
import type { Remembered } from "./remembered.js";
import type { Task } from "./task.js";
import { checkChunk, resumableUpload } from "./tus.js";
import type {
  CopyOptions,
  DownloadOptions,
  FileFields,
  FileMetadata,
  FilePage,
  FilePlace,
  FileQuery,
  ListOptions,
  LiveFile,
  Scanned,
  SignedUrl,
  SignOptions,
  Upload,
  UploadOptions,
  UploadSource,
  UrlOptions,
} from "./types.js";
import { startUpload } from "./upload.js";

/** From here on an upload is worth being gone on with. */
const RESUMABLE_FROM = 5_000_000;

/** The files of a bucket. `Data`: the app's own fields in their metadata. */
export class FileBucket<Data extends object = Record<string, Json>> {
  readonly #inside: Inside;
  readonly #remembered: Remembered;
  readonly #base: string;

  /** Made by `client.files.bucket(name)`. */
  constructor(
    inside: Inside,
    remembered: Remembered,
    readonly name: string,
  ) {
    this.#inside = inside;
    this.#remembered = remembered;
    this.#base = `/v1/buckets/${checkBucket(name)}`;
  }

  /** The bytes at this path, new or instead of those that are there. It begins at once. */
  upload(path: string, source: UploadSource, options: UploadOptions<Data> = {}): Upload<Data> {
    const task = this.#task(path, source, options);
    const { size } = task.bytes;
    const { resumable = "auto" } = options;
    // Of nothing there is nothing to be gone on with.
    const inPieces = size > 0 && (resumable === "auto" ? size > RESUMABLE_FROM : resumable);
    const way = inPieces ? resumableUpload(task, this.#remembered) : simpleUpload(task);
    return startUpload<Data>(way, size, options);
  }

  /** To a URL that somebody signed for a `PUT`, whoever is signed in here. */
  uploadSigned(
    url: string,
    source: UploadSource,
    options: Pick<UploadOptions<Data>, "contentType" | "onProgress" | "signal"> = {},
  ): Upload<Data> {
    const task = this.#task("signed", source, options);
    return startUpload<Data>(signedUpload(task, url), task.bytes.size, options);
  }

  /** The bytes, or the picture in another size; `file_not_found` where there is none for you. */
  download(path: string, { range, image, ...options }: DownloadOptions = {}): Promise<Download> {
    const headers: Record<string, string> = range ? { range: rangeOf(range) } : {};
    const query = imageQuery(image);
    return startDownload(this.#inside, {
      ...options,
      method: "GET",
      path: this.#file(path),
      query,
      headers,
      accept: "*/*",
    });
  }

  /** For `<img>` and links: of a public bucket, whose pictures the public has in declared sizes only. */
  url(path: string, options: UrlOptions = {}): string {
    return `${this.#inside.transport.url}${this.#file(path)}${urlQuery(options)}`;
  }

  /** A URL that is a permission: whoever has it may do this one thing, until it expires. */
  async signedUrl(path: string, options: SignOptions & CallOptions = {}): Promise<SignedUrl> {
    const { signal, timeout, ...sign } = options;
    const call = { ...(signal && { signal }), ...(timeout !== undefined && { timeout }) };
    const [signed] = await this.signedUrls([{ path, ...sign }], call);
    if (signed) return signed;
    throw new BasaltError({ code: "bad_answer", message: "The answer has no URL." });
  }

  /** Up to 200, in the order of the files. */
  async signedUrls(files: readonly (FilePlace & SignOptions)[], options: CallOptions = {}): Promise<SignedUrl[]> {
    const body = { files: files.map(signBody) };
    // Signing changes nothing, so it may be asked for again.
    const answer = await this.#post<{ items: SignedUrl[] }>("sign", body, { ...options, safe: true });
    return answer.items.map(({ url, expiresAt }) => ({
      url: url.startsWith("/") ? `${this.#inside.transport.url}${url}` : url,
      expiresAt,
    }));
  }

  async metadata(path: string, options: CallOptions = {}): Promise<FileMetadata<Data>> {
    return this.#call<FileMetadata<Data>>({ ...options, method: "GET", path: this.#metadata(path) });
  }

  /** Changes the app's own fields: a merge patch, whose values may be operators such as `increment(1)`. */
  setData(path: string, patch: Patch<Data>, options: CallOptions = {}): Promise<FileMetadata<Data>> {
    return this.#call({ ...options, method: "PATCH", path: this.#metadata(path), body: { data: patch } });
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.#call({ ...options, method: "HEAD", path: this.#file(path) });
      return true;
    } catch (error) {
      if (isBasaltError(error) && error.status === 404) return false;
      throw error;
    }
  }

  /** One page. */
  async list(options: ListOptions = {}): Promise<FilePage<Data>> {
    const { prefix, delimiter, filter, sort, limit, cursor, ...call } = options;
    const compiled = filter?.compile();
    const vars = compiled && JSON.stringify(compiled.vars);
    const query = { prefix, delimiter, filter: compiled?.filter, vars, sort: sort?.join(","), limit, cursor };
    const page = await this.#call<Partial<FilePage<Data>>>({
      ...call,
      method: "GET",
      path: `${this.#base}/files`,
      query,
    });
    return { items: page.items ?? [], nextCursor: page.nextCursor ?? null, prefixes: page.prefixes ?? [] };
  }

  /** Page by page to the end. */
  async *pages(options: ListOptions = {}): AsyncGenerator<FilePage<Data>, void, undefined> {
    let cursor = options.cursor;
    while (true) {
      const page = await this.list({ ...options, ...(cursor !== undefined && { cursor }) });
      yield page;
      if (page.nextCursor === null) return;
      if (page.nextCursor === cursor) throw new BasaltError({ code: "bad_answer", message: "The pages don't end." });
      cursor = page.nextCursor;
    }
  }

  /** File by file to the end: `for await (const file of images.each({ prefix: "2026/" }))`. */
  async *each(options: ListOptions = {}): AsyncGenerator<FileMetadata<Data>, void, undefined> {
    for await (const page of this.pages(options)) yield* page.items;
  }

  [Symbol.asyncIterator](): AsyncGenerator<FileMetadata<Data>, void, undefined> {
    return this.each();
  }

  /** The bytes are not sent again. Gives the copy's metadata. */
  copy(from: string, to: string, options: CopyOptions = {}): Promise<FileMetadata<Data>> {
    return this.#place("copy", from, to, options);
  }

  /** It keeps its id. */
  move(from: string, to: string, options: CopyOptions = {}): Promise<FileMetadata<Data>> {
    return this.#place("move", from, to, options);
  }

  async delete(path: string, options: CallOptions = {}): Promise<void> {
    await this.#call({ ...options, method: "DELETE", path: this.#file(path) });
  }

  /** A scanner's word on a pending file, for services: a clean one is seen from now on, an infected one deleted. */
  release(file: Scanned, verdict: "clean" | "infected", options: CallOptions = {}): Promise<FileMetadata<Data> | null> {
    return this.#post("release", { ...checkPlace(file), verdict }, options);
  }

  /**
   * The bucket's metadata as documents, with all that queries can: `images.query({ prefix: "2026/" }).count()`. Its
   * results come from the cache where the client has one.
   */
  query({ prefix, filter }: FileQuery = {}): Query<FileFields<Data>> {
    const conditions: Expression[] = [where("bucket", "==", this.name)];
    if (prefix) conditions.push(where("path", "startsWith", prefix));
    if (filter) conditions.push(filter);
    return this.#documents(all(...conditions));
  }

  /** The files' metadata now and after each change, by path; gives the function that ends it. */
  live(
    query: FileQuery,
    callback: (result: LiveResult<FileFields<Data>>) => void,
    onError?: (error: BasaltError) => void,
  ): () => void {
    return this.query(query).orderBy("path").subscribe(callback, onError);
  }

  /** One file's metadata now and after each change of it. */
  watch(path: string, callback: (result: LiveFile<Data>) => void, onError?: (error: BasaltError) => void): () => void {
    const one = ({ documents, state, seq, fromCache }: LiveResult<FileFields<Data>>) =>
      callback({ file: documents[0] ?? null, state, seq, fromCache });
    return this.at(path).subscribe(one, onError);
  }

  /** The query for the one file at this path. */
  at(path: string): Query<FileFields<Data>> {
    return this.query({ filter: where("path", "==", path) }).limit(1);
  }

  #documents(condition: Expression): Query<FileFields<Data>> {
    return new Query<FileFields<Data>>(this.#inside, { collection: "files" }, condition);
  }

  #task(path: string, source: UploadSource, options: UploadOptions<Data>): Task<Data> {
    encodePath(path);
    checkChunk(options.chunkSize);
    const bytes = bytesOf(source);
    const contentType = options.contentType ?? (bytes.type || "application/octet-stream");
    return { inside: this.#inside, bucket: this.name, path, bytes, contentType, options };
  }

  #place(what: "copy" | "move", from: string, to: string, options: CopyOptions): Promise<FileMetadata<Data>> {
    const { toBucket, overwrite, ...call } = options;
    encodePath(from);
    encodePath(to);
    return this.#post(what, { from, to, toBucket, overwrite }, call);
  }

  #post<T>(what: string, body: unknown, options: Partial<ApiRequest>): Promise<T> {
    return this.#call<T>({ ...options, method: "POST", path: `${this.#base}/${what}`, body });
  }

  /** The doors of files know no keys: what got no answer is looked up, not sent again. */
  async #call<T>(request: ApiRequest): Promise<T> {
    return (await this.#inside.transport.request<T>({ ...request, idempotencyKey: false })).data;
  }

  #file(path: string): string {
    return `${this.#base}/files/${encodePath(path)}`;
  }

  #metadata(path: string): string {
    return `${this.#base}/metadata/${encodePath(path)}`;
  }
}
