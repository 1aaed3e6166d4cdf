// Headers, Blob, File, FormData, and what a body may be made of.
export default function body(internal) {
  const { isPlain, use } = internal;
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
      this.#pairs.push([nameOf(name), cleanValue(value)]);
    }
    set(name, value) {
      const key = nameOf(name);
      const first = this.#pairs.find(([one]) => one === key);
      if (!first) return this.append(name, value);
      first[1] = cleanValue(value);
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

  function cleanValue(value) {
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

  return { Headers, NAME, Blob, File, FormData, bodyOf, bytesOf, collect, decode, partsOf, pieceOf, streamOf, typeOf };
}
