// fetch, Headers, Request, Response, Blob, File, FormData; and the answer of an http function.
export default function fetch(internal) {
  const { natives, callHost, current, isPlain, use } = internal;
  const { exact, encode, TextDecoder } = use("encoding");
  const decode = (bytes) => new TextDecoder().decode(bytes);

  // ---- headers

  const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  const BAD_VALUE = /[\u0000\r\n]|[^\u0000-\u00ff]/;

  class Headers {
    #pairs = [];

    constructor(init) {
      if (init === undefined || init === null) return;
      const pairs = isPlain(init) ? Object.entries(init) : [...init];
      for (const pair of pairs) {
        if (pair.length !== 2) throw new TypeError("Each header has a name and a value.");
        this.append(...pair);
      }
    }
    append(name, value) {
      this.#pairs.push([nameOf(name), valueOf(value)]);
    }
    set(name, value) {
      const key = nameOf(name);
      const first = this.#pairs.find(([one]) => one === key);
      if (!first) return this.append(name, value);
      first[1] = valueOf(value);
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== key || pair === first);
    }
    delete(name) {
      const key = nameOf(name);
      this.#pairs = this.#pairs.filter(([one]) => one !== key);
    }
    get(name) {
      const key = nameOf(name);
      const values = this.#pairs.filter(([one]) => one === key).map(([, value]) => value);
      return values.length === 0 ? null : values.join(", ");
    }
    has(name) {
      const key = nameOf(name);
      return this.#pairs.some(([one]) => one === key);
    }
    getSetCookie() {
      return this.#pairs.filter(([name]) => name === "set-cookie").map(([, value]) => value);
    }
    *entries() {
      const names = [...new Set(this.#pairs.map(([name]) => name))].sort();
      for (const name of names) {
        if (name !== "set-cookie") yield [name, this.get(name)];
        else for (const value of this.getSetCookie()) yield [name, value];
      }
    }
    *keys() {
      for (const [name] of this.entries()) yield name;
    }
    *values() {
      for (const [, value] of this.entries()) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
  }

  function nameOf(name) {
    if (!NAME.test(`${name}`)) throw new TypeError(`${JSON.stringify(`${name}`)} is no name of a header.`);
    return `${name}`.toLowerCase();
  }

  function valueOf(value) {
    const text = `${value}`.replace(/^[\t\r\n ]+|[\t\r\n ]+$/g, "");
    if (BAD_VALUE.test(text)) throw new TypeError("The value of a header has characters that it may not have.");
    return text;
  }

  // ---- blobs

  const blobs = new WeakMap();

  class Blob {
    #type;
    constructor(parts = [], { type = "" } = {}) {
      const bytes = [...parts].map((part) => blobs.get(part) ?? new Uint8Array(bytesNow(part) ?? encode(part).buffer));
      blobs.set(this, concat(bytes));
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a type is printable
      this.#type = /[^\u0020-\u007e]/.test(`${type}`) ? "" : `${type}`.toLowerCase();
    }
    get size() {
      return blobs.get(this).length;
    }
    get type() {
      return this.#type;
    }
    slice(start, end, type = "") {
      return new Blob([blobs.get(this).slice(start, end)], { type });
    }
    async arrayBuffer() {
      return blobs.get(this).slice().buffer;
    }
    async bytes() {
      return blobs.get(this).slice();
    }
    async text() {
      return decode(blobs.get(this));
    }
    stream() {
      return streamOf(blobs.get(this));
    }
  }

  class File extends Blob {
    #name;
    #lastModified;
    constructor(parts, name, { lastModified = Date.now(), ...options } = {}) {
      super(parts, options);
      this.#name = `${name}`;
      this.#lastModified = +lastModified;
    }
    get name() {
      return this.#name;
    }
    get lastModified() {
      return this.#lastModified;
    }
  }

  function concat(parts) {
    const all = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
    let at = 0;
    for (const part of parts) {
      all.set(part, at);
      at += part.length;
    }
    return all;
  }

  function streamOf(bytes) {
    const start = (controller) => {
      if (bytes.length > 0) controller.enqueue(bytes.slice());
      controller.close();
    };
    return new (use("streams").ReadableStream)({ start });
  }

  // ---- forms

  class FormData {
    #pairs = [];

    append(name, value, filename) {
      this.#pairs.push([`${name}`.toWellFormed(), entryOf(value, filename)]);
    }
    set(name, value, filename) {
      const first = this.#pairs.find(([one]) => one === `${name}`);
      if (!first) return this.append(name, value, filename);
      first[1] = entryOf(value, filename);
      this.#pairs = this.#pairs.filter((pair) => pair[0] !== `${name}` || pair === first);
    }
    delete(name) {
      this.#pairs = this.#pairs.filter(([one]) => one !== `${name}`);
    }
    get(name) {
      return this.#pairs.find(([one]) => one === `${name}`)?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([one]) => one === `${name}`).map(([, value]) => value);
    }
    has(name) {
      return this.#pairs.some(([one]) => one === `${name}`);
    }
    *entries() {
      for (const [name, value] of this.#pairs) yield [name, value];
    }
    *keys() {
      for (const [name] of this.#pairs) yield name;
    }
    *values() {
      for (const [, value] of this.#pairs) yield value;
    }
    [Symbol.iterator]() {
      return this.entries();
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
  }

  function entryOf(value, filename) {
    if (!(value instanceof Blob)) return `${value}`.toWellFormed();
    if (value instanceof File && filename === undefined) return value;
    return new File([value], filename ?? "blob", { type: value.type });
  }

  const escaped = (text) => text.replace(/\r\n|\r|\n/g, "%0D%0A").replaceAll('"', "%22");

  function multipart(form, boundary) {
    const parts = [];
    for (const [name, value] of form) {
      const file = value instanceof File;
      const filename = file ? `; filename="${escaped(value.name)}"` : "";
      const type = file ? `\r\nContent-Type: ${value.type || "application/octet-stream"}` : "";
      const head = `--${boundary}\r\nContent-Disposition: form-data; name="${escaped(name)}"${filename}${type}\r\n\r\n`;
      parts.push(encode(head), file ? blobs.get(value) : encode(value), encode("\r\n"));
    }
    return concat([...parts, encode(`--${boundary}--\r\n`)]);
  }

  /** Where `wanted` begins in `bytes`, from a place on; -1 where it doesn't. */
  function indexOf(bytes, wanted, from) {
    for (let at = bytes.indexOf(wanted[0], from); at >= 0; at = bytes.indexOf(wanted[0], at + 1)) {
      let same = 1;
      while (same < wanted.length && bytes[at + same] === wanted[same]) same++;
      if (same === wanted.length) return at;
    }
    return -1;
  }

  function partsOf(bytes, boundary) {
    const form = new FormData();
    const mark = encode(`--${boundary}`);
    const gap = encode("\r\n\r\n");
    let at = indexOf(bytes, mark, 0);
    while (at >= 0) {
      const start = at + mark.length;
      const end = indexOf(bytes, encode(`\r\n--${boundary}`), start);
      const body = indexOf(bytes, gap, start);
      if (end < 0 || body < 0 || body > end) break;
      const head = decode(bytes.subarray(start, body));
      const name = /;\s*name="([^"]*)"/i.exec(head)?.[1];
      if (name === undefined) throw new TypeError("A part of the form has no name.");
      const filename = /;\s*filename="([^"]*)"/i.exec(head)?.[1];
      const content = bytes.slice(body + gap.length, end);
      const type = /^content-type:\s*(.+)$/im.exec(head)?.[1]?.trim() ?? "";
      form.append(name, filename === undefined ? decode(content) : new File([content], filename, { type }));
      at = end + 2;
    }
    if (at < 0) throw new TypeError("The body is no such form.");
    return form;
  }

  // ---- bodies

  /** The bytes of what has them at hand; else undefined. */
  function bytesNow(source) {
    if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return exact(source).slice(0);
    if (source instanceof Blob) return exact(blobs.get(source));
    return undefined;
  }

  const isStream = (source) => source instanceof use("streams").ReadableStream;
  const isParams = (source) => source instanceof use("url").URLSearchParams;

  function typeOf(source) {
    if (source instanceof Blob) return source.type || undefined;
    if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return undefined;
    if (source !== null && typeof source === "object") {
      if (isParams(source)) return "application/x-www-form-urlencoded;charset=UTF-8";
      if (isStream(source)) return undefined;
    }
    return "text/plain;charset=UTF-8";
  }

  /** All bytes of a body of any kind. */
  async function bytesOf(source) {
    const now = bytesNow(source);
    if (now !== undefined) return now;
    if (source !== null && typeof source === "object" && isStream(source)) return exact(await collect(source));
    return exact(encode(source));
  }

  async function collect(stream) {
    const parts = [];
    for await (const chunk of stream) parts.push(pieceOf(chunk));
    return concat(parts);
  }

  function pieceOf(chunk) {
    if (typeof chunk === "string") return encode(chunk);
    if (chunk instanceof ArrayBuffer || ArrayBuffer.isView(chunk)) return new Uint8Array(exact(chunk));
    throw new TypeError("A body is made of bytes.");
  }

  /** `{ bytes }`, `{ stream }` or null, and the content type that goes with it. */
  function bodyOf(source) {
    if (source === undefined || source === null) return [null, undefined];
    if (source instanceof FormData) {
      const boundary = `----form${use("crypto").newId()}`;
      return [{ bytes: multipart(source, boundary) }, `multipart/form-data; boundary=${boundary}`];
    }
    const now = bytesNow(source);
    if (now !== undefined) return [{ bytes: new Uint8Array(now) }, typeOf(source)];
    if (typeof source === "object" && isStream(source)) {
      if (source.locked) throw new TypeError("The stream of the body has a reader already.");
      return [{ stream: source }, undefined];
    }
    return [{ bytes: encode(source) }, typeOf(source)];
  }

  class Body {
    #body = null;
    #used = false;

    constructor(body) {
      this.#body = body;
    }
    get body() {
      if (this.#body === null) return null;
      this.#body.stream ??= streamOf(this.#body.bytes);
      return this.#body.stream;
    }
    get bodyUsed() {
      return this.#used || (this.#body?.stream?.locked ?? false);
    }
    async bytes() {
      if (this.bodyUsed) throw new TypeError("The body was read already.");
      if (this.#body === null) return new Uint8Array(0);
      this.#used = true;
      return this.#body.stream ? collect(this.#body.stream) : this.#body.bytes;
    }
    async arrayBuffer() {
      return exact(await this.bytes());
    }
    async text() {
      return decode(await this.bytes());
    }
    async json() {
      return JSON.parse(await this.text());
    }
    async blob() {
      return new Blob([await this.bytes()], { type: this.headers.get("content-type") ?? "" });
    }
    async formData() {
      const type = this.headers.get("content-type") ?? "";
      const boundary = /^multipart\/form-data;.*boundary="?([^";]+)"?/i.exec(type)?.[1];
      if (boundary) return partsOf(await this.bytes(), boundary);
      if (!/^application\/x-www-form-urlencoded/i.test(type)) throw new TypeError("The body is no form.");
      const form = new FormData();
      for (const [name, value] of new (use("url").URLSearchParams)(await this.text())) form.append(name, value);
      return form;
    }

    /** The same body twice, for `clone`. */
    static split(from) {
      if (from.bodyUsed) throw new TypeError("The body was read already.");
      if (!from.#body?.stream) return from.#body && { bytes: from.#body.bytes.slice() };
      const [mine, other] = from.#body.stream.tee();
      from.#body = { stream: mine };
      return { stream: other };
    }
    /** Takes it out of one that is sent. */
    static take(from) {
      if (from.bodyUsed) throw new TypeError("The body was read already.");
      from.#used = from.#body !== null;
      return from.#body;
    }
  }

  const METHOD = /^(delete|get|head|options|post|put)$/i;
  const given = Symbol("given");

  class Request extends Body {
    #parts;

    constructor(input, init = {}, mark, made) {
      if (mark === given) {
        super(made.body);
        this.#parts = made;
        return;
      }
      const from = input instanceof Request ? input : null;
      const method = init.method === undefined ? (from?.method ?? "GET") : `${init.method}`;
      if (!NAME.test(method)) throw new TypeError(`${JSON.stringify(method)} is no method.`);
      const [body, type] = init.body === undefined && from ? [Body.take(from), undefined] : bodyOf(init.body);
      if (body && /^(get|head)$/i.test(method)) throw new TypeError(`A ${method} has no body.`);
      super(body);
      const headers = new Headers(init.headers ?? from?.headers);
      if (type && !headers.has("content-type")) headers.set("content-type", type);
      this.#parts = {
        url: from ? from.url : new (use("url").URL)(input).href,
        method: METHOD.test(method) ? method.toUpperCase() : method,
        headers,
        redirect: init.redirect ?? from?.redirect ?? "follow",
        signal: init.signal ?? from?.signal ?? new (use("events").AbortController)().signal,
      };
    }
    get url() {
      return this.#parts.url;
    }
    get method() {
      return this.#parts.method;
    }
    get headers() {
      return this.#parts.headers;
    }
    get redirect() {
      return this.#parts.redirect;
    }
    get signal() {
      this.#parts.signal ??= new (use("events").AbortController)().signal;
      return this.#parts.signal;
    }
    clone() {
      const parts = { ...this.#parts, headers: new Headers(this.headers), body: Body.split(this) };
      return new Request(undefined, undefined, given, parts);
    }
  }

  const EMPTY = [101, 103, 204, 205, 304];

  class Response extends Body {
    #parts;

    constructor(source, { status = 200, statusText = "", headers } = {}, mark, made) {
      if (mark === given) {
        super(made.body);
        this.#parts = made;
        return;
      }
      if (!Number.isInteger(+status) || status < 200 || status > 599) throw new RangeError(`${status} is no status.`);
      const [body, type] = bodyOf(source);
      if (body && EMPTY.includes(+status)) throw new TypeError(`An answer ${status} has no body.`);
      super(body);
      const all = new Headers(headers);
      if (type && !all.has("content-type")) all.set("content-type", type);
      this.#parts = { status: +status, statusText: `${statusText}`, headers: all, url: "", redirected: false, type: "default" };
    }

    static json(value, init = {}) {
      const text = JSON.stringify(value);
      if (text === undefined) throw new TypeError("The value is no JSON.");
      const headers = new Headers(init.headers);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
      return new Response(text, { ...init, headers });
    }
    static redirect(url, status = 302) {
      if (![301, 302, 303, 307, 308].includes(status)) throw new RangeError(`${status} is no redirect.`);
      return new Response(null, { status, headers: { location: new (use("url").URL)(url).href } });
    }
    static error() {
      const parts = { status: 0, statusText: "", headers: new Headers(), url: "", redirected: false, type: "error" };
      return new Response(null, {}, given, { ...parts, body: null });
    }

    get status() {
      return this.#parts.status;
    }
    get statusText() {
      return this.#parts.statusText;
    }
    get ok() {
      return this.status >= 200 && this.status < 300;
    }
    get headers() {
      return this.#parts.headers;
    }
    get url() {
      return this.#parts.url;
    }
    get redirected() {
      return this.#parts.redirected;
    }
    get type() {
      return this.#parts.type;
    }
    clone() {
      const parts = { ...this.#parts, headers: new Headers(this.headers), body: Body.split(this) };
      return new Response(null, {}, given, parts);
    }
  }

  // ---- going out

  async function goOut(input, init) {
    const scope = current();
    const request = new Request(input, init);
    const { signal } = request;
    signal.throwIfAborted();
    const source = Body.take(request);
    const body = source && exact(source.stream ? await collect(source.stream) : source.bytes);
    const { url, method, redirect } = request;
    const asked = callHost(scope, "fetch", { method, url, headers: [...request.headers], redirect }, body ?? undefined);
    return responseOf(await orAborted(asked, signal), url);
  }

  async function orAborted(asked, signal) {
    const aborted = Promise.withResolvers();
    const tell = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", tell);
    try {
      return await Promise.race([asked, aborted.promise]);
    } catch (error) {
      if (!(error instanceof internal.FunctionError)) throw error;
      // As on the web: no answer is a TypeError; why there was none is told by its code.
      throw Object.assign(new TypeError(`fetch failed: ${error.message}`, { cause: error }), { code: error.code });
    } finally {
      signal.removeEventListener("abort", tell);
    }
  }

  function responseOf(reply, asked) {
    const { status, statusText = "", headers = [], url = asked } = JSON.parse(reply.value);
    const list = new Headers(Array.isArray(headers) ? headers : Object.entries(headers));
    const bytes = new Uint8Array(reply.body ?? new ArrayBuffer(0));
    const body = EMPTY.includes(status) ? null : { bytes };
    const parts = { status, statusText, headers: list, url, redirected: url !== asked, type: "basic", body };
    return new Response(null, {}, given, parts);
  }

  // ---- an http function

  function requestOf({ method, url, headers }, body) {
    const bytes = new Uint8Array(body);
    const parts = { method, url, redirect: "follow", headers: new Headers(headers) };
    return new Request(undefined, undefined, given, { ...parts, body: bytes.length > 0 ? { bytes } : null });
  }

  async function respond(response) {
    if (!(response instanceof Response)) throw new TypeError("An http function returns a Response.");
    if (response.status < 200) throw new TypeError("Response.error() is no answer.");
    const body = Body.take(response);
    natives.httpHead(response.status, JSON.stringify([...response.headers]));
    if (body?.stream) await pass(body.stream);
    else if (body && body.bytes.length > 0) await natives.httpChunk(exact(body.bytes));
    natives.httpEnd();
  }

  async function pass(stream) {
    const reader = stream.getReader();
    while (true) {
      const { value, done } = await reader.read();
      if (done) return;
      const piece = pieceOf(value);
      if (piece.length > 0 && !(await natives.httpChunk(exact(piece)))) {
        await reader.cancel(new DOMException("Nobody reads any longer.", "AbortError"));
        return;
      }
    }
  }

  return {
    fetch: (input, init) => goOut(input, init),
    Headers,
    Request,
    Response,
    Blob,
    File,
    FormData,
    bytesOf,
    typeOf,
    requestOf,
    respond,
  };
}
