// `ctx`: who calls, and what a function may reach.
export default function context(internal) {
  const { callHost, log, hidden, use } = internal;

  class Log {
    debug(message, fields) {
      log("debug", `${message}`, fields);
    }
    info(message, fields) {
      log("info", `${message}`, fields);
    }
    warn(message, fields) {
      log("warn", `${message}`, fields);
    }
    error(message, fields) {
      log("error", `${message}`, fields);
    }
  }

  const logs = new Log();

  class Context {
    #scope;
    #service;
    #made = { __proto__: null };

    constructor(scope, service) {
      this.#scope = scope;
      this.#service = service;
    }

    /** As rules see it; null for a visitor, and where nobody calls. */
    get auth() {
      return this.#scope.call.auth;
    }
    get function() {
      return this.#scope.call.function;
    }
    get invocation() {
      return this.#scope.call.id;
    }
    get alias() {
      return this.#scope.call.alias;
    }
    get version() {
      return this.#scope.call.version;
    }
    /** The same on every try of one event, task or tick. */
    get idempotencyKey() {
      return this.#scope.call.idempotencyKey ?? null;
    }
    get attempt() {
      return this.#scope.call.attempt;
    }
    get traceparent() {
      return this.#scope.call.traceparent ?? null;
    }
    get log() {
      return logs;
    }
    get fetch() {
      return use("fetch").fetch;
    }
    get env() {
      return this.#once("env", () => Object.freeze({ __proto__: null, ...this.#scope.call.env }));
    }
    /** By name; not to be listed, so that no log has them by accident. */
    get secrets() {
      return this.#once("secrets", () => {
        const all = Object.create(null);
        for (const [name, value] of Object.entries(this.#scope.call.secrets ?? {})) hidden(all, name, value);
        return Object.freeze(all);
      });
    }
    get db() {
      return this.#once("db", () => use("database").database((op, args) => this.#ask(op, args)));
    }
    get files() {
      return this.#once("files", () => ({ bucket: (name) => new Bucket(name, (...call) => this.#host(...call)) }));
    }
    get email() {
      return this.#once("email", () => ({ send: (message) => this.#send("email", "emails", message) }));
    }
    get push() {
      return this.#once("push", () => ({ send: (message) => this.#send("push", "users", message) }));
    }
    get sms() {
      return this.#once("sms", () => ({ send: (message) => this.#send("sms", "phones", message) }));
    }
    get functions() {
      return this.#once("functions", () => ({
        invoke: (name, input, { alias } = {}) => this.#ask("functions.invoke", { name, input, alias }),
        enqueue: (name, input, { delay, runAt, key } = {}) =>
          this.#ask("functions.enqueue", { name, input, delay, runAt: timeOf(runAt), key }),
        cancel: (id) => this.#ask("functions.cancel", { id }),
      }));
    }
    get channels() {
      return this.#once("channels", () => ({
        publish: (channel, event, data) => this.#ask("channels.publish", { channel, event, data }),
      }));
    }
    /** The same, with the rights of the server itself: no rule is asked. */
    asService() {
      return this.#service ? this : this.#once("service", () => new Context(this.#scope, true));
    }

    #once(name, make) {
      this.#made[name] ??= make();
      return this.#made[name];
    }

    #host(op, args, body) {
      return callHost(this.#scope, op, this.#service ? { ...args, service: true } : args, body);
    }

    async #ask(op, args) {
      return JSON.parse((await this.#host(op, args)).value);
    }

    /** `to` may be one address, a list of them, or an object that says whom. */
    #send(channel, plural, { to, template, data, sendAt, expiresAt, collapseKey, content, ...rest }) {
      const whom = typeof to === "string" ? { [plural]: [to] } : Array.isArray(to) ? { [plural]: to } : to;
      const said = template === undefined ? { content: content ?? rest } : { template: templateOf(template, rest) };
      const more = { data, sendAt: timeOf(sendAt), expiresAt: timeOf(expiresAt), collapseKey };
      return this.#ask("messages.send", { channel, to: whom, ...said, ...more });
    }
  }

  const templateOf = (template, { vars, locale }) =>
    typeof template === "string" ? { name: template, vars, locale } : template;

  const timeOf = (time) => (time instanceof Date ? time.toISOString() : time);

  /** The files of a bucket; paths are within it. */
  class Bucket {
    #name;
    #call;

    constructor(name, call) {
      this.#name = `${name}`;
      this.#call = call;
    }

    /** A page of metadata: `{ prefix, filter, vars, sort, limit, cursor }`. */
    list({ sort, ...query } = {}) {
      return this.#ask("files.list", { ...query, sort: typeof sort === "string" ? sort.split(",") : sort });
    }
    metadata(path) {
      return this.#ask("files.metadata", { path });
    }
    /** The bytes; of a picture with `{ image: { width, height, fit, format } }` those of its variant. */
    async read(path, { image } = {}) {
      const { body } = await this.#call("files.read", { bucket: this.#name, path, image });
      return new Uint8Array(body ?? new ArrayBuffer(0));
    }
    async text(path) {
      return new (use("encoding").TextDecoder)().decode(await this.read(path));
    }
    async json(path) {
      return JSON.parse(await this.text(path));
    }
    /** Text or bytes; `{ contentType, data, ifNoneMatch: "*" }`. Answers with the metadata. */
    async write(path, content, options = {}) {
      const { bytesOf, typeOf } = use("body");
      const { contentType = typeOf(content), ...more } = options;
      const body = await bytesOf(content);
      return JSON.parse(
        (await this.#call("files.write", { bucket: this.#name, path, contentType, ...more }, body)).value,
      );
    }
    async delete(path) {
      await this.#ask("files.delete", { path });
    }
    /** A URL for who has no rights of his own: `{ method, expiresIn, maxSize, image, … }`. */
    async sign(path, options = {}) {
      return (await this.#ask("files.sign", { files: [{ path, ...options }] })).items[0];
    }
    copy(from, to, { toBucket, overwrite } = {}) {
      return this.#ask("files.copy", { from, to, toBucket, overwrite });
    }
    move(from, to, { toBucket, overwrite } = {}) {
      return this.#ask("files.move", { from, to, toBucket, overwrite });
    }

    async #ask(op, args) {
      return JSON.parse((await this.#call(op, { bucket: this.#name, ...args })).value);
    }
  }

  return (scope) => new Context(scope, false);
}
