// fetch, Request, Response; and the answer of an http function.
export default function fetch(internal) {
  const { natives, callHost, current, use } = internal;
  const { exact } = use("encoding");
  const { Headers, NAME, Blob, FormData, bodyOf, collect, decode, partsOf, pieceOf, streamOf } = use("body");

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
      this.#parts = {
        status: +status,
        statusText: `${statusText}`,
        headers: all,
        url: "",
        redirected: false,
        type: "default",
      };
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
    Request,
    Response,
    requestOf,
    respond,
  };
}
