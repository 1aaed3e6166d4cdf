// `ctx.db`: the SDK's collections, and transactions that run again on a conflict.
export default function database(internal) {
  const { FunctionError, use } = internal;
  const { Expression, all, any, where, plainName } = use("expression");
  const MOST_IN_A_PAGE = 500;
  const DEFAULT_MOST = 10_000;
  const TRIES = 5;

  const conditionOf = (field, operator, value) => (field instanceof Expression ? field : where(field, operator, value));

  /** `where: filter, vars` for a write. */
  const bound = (condition) => {
    if (condition === undefined) return {};
    if (typeof condition === "string") return { where: condition };
    const { filter, vars } = condition.compile();
    return { where: filter, vars };
  };

  class Query {
    #parts;
    #condition;

    constructor(ask, parts, condition = null) {
      this.ask = ask;
      this.#parts = parts;
      this.#condition = condition;
      Object.defineProperty(this, "ask", { enumerable: false });
    }

    where(field, operator, value) {
      const condition = conditionOf(field, operator, value);
      return this.#with({}, this.#condition ? all(this.#condition, condition) : condition);
    }
    and(field, operator, value) {
      return this.where(field, operator, value);
    }
    or(field, operator, value) {
      if (!this.#condition) throw new TypeError("There is nothing before this `or`: begin with `where`.");
      return this.#with({}, any(this.#condition, conditionOf(field, operator, value)));
    }
    orderBy(field, direction = "asc") {
      return this.#sorted(`${direction === "desc" ? "-" : ""}${plainName(field)}`);
    }
    orderByDistance(field, { lat, lng }) {
      if (!Number.isFinite(lat) || !Number.isFinite(lng)) throw new TypeError("A point has the numbers lat and lng.");
      return this.#sorted(`distance(${plainName(field)},${lat},${lng})`);
    }
    limit(count) {
      if (!Number.isInteger(count) || count < 1 || count > MOST_IN_A_PAGE) {
        throw new TypeError(`A limit is a whole number from 1 to ${MOST_IN_A_PAGE}.`);
      }
      return this.#with({ limit: count });
    }
    after(cursor) {
      return this.#with({ cursor });
    }
    search(words) {
      return this.#with({ search: words });
    }
    nearest(nearest) {
      return this.#with({ nearest });
    }
    select(...fields) {
      return this.#with({ select: fields.map(plainName) });
    }
    expand(...references) {
      return this.#with({ expand: references.map(plainName) });
    }

    /** One page. */
    list() {
      return this.query(this.#spec());
    }
    /** A page by the words of the API: `{ filter, vars, sort, limit, cursor, select, expand, count, … }`. */
    query(spec) {
      return this.ask("db.list", { collection: this.#parts.collection, query: spec });
    }
    async first() {
      const { items } = await this.query({ ...this.#spec(), limit: 1 });
      return items[0] ?? null;
    }
    async count() {
      const { sort: _, cursor: __, select: ___, expand: ____, ...spec } = this.#spec();
      return (await this.query({ ...spec, limit: 0, count: "exact" })).total;
    }
    async *pages() {
      let spec = this.#spec();
      while (true) {
        const page = await this.query(spec);
        yield page;
        if (page.nextCursor === null || page.nextCursor === spec.cursor) return;
        spec = { ...spec, cursor: page.nextCursor };
      }
    }
    async *[Symbol.asyncIterator]() {
      for await (const page of this.pages()) yield* page.items;
    }
    /** All of them in a list; `too_many` where there are more than `most` (10,000). */
    async all({ most = DEFAULT_MOST } = {}) {
      const found = [];
      const query = this.#parts.limit ? this : this.limit(Math.max(1, Math.min(MOST_IN_A_PAGE, most)));
      for await (const page of query.pages()) {
        found.push(...page.items);
        if (found.length > most) throw new FunctionError("too_many", `There are more than ${most}.`, undefined, 500);
      }
      return found;
    }
    aggregate({ having, ...by }) {
      const condition = this.#condition?.compile() ?? {};
      const groups = typeof having === "string" ? { filter: having } : having?.compile("h");
      const query = {
        ...by,
        filter: condition.filter,
        having: groups?.filter,
        vars: { ...condition.vars, ...groups?.vars },
      };
      return this.ask("db.aggregate", { collection: this.#parts.collection, query });
    }

    #spec() {
      const { collection: _, ...parts } = this.#parts;
      return { ...parts, ...this.#condition?.compile() };
    }
    #sorted(name) {
      return this.#with({ sort: [...(this.#parts.sort ?? []), name] });
    }
    #with(parts, condition = this.#condition) {
      return new Query(this.ask, { ...this.#parts, ...parts }, condition);
    }
  }

  const missing = () => new FunctionError("document_not_found", "There is no such document.", undefined, 404);

  class Collection extends Query {
    constructor(ask, name) {
      super(ask, { collection: name });
      this.name = name;
    }

    /** `document_not_found` where it isn't there or may not be read. */
    async get(id, options) {
      const found = await this.find(id, options);
      if (found === null) throw missing();
      return found;
    }
    /** The same, but null where there is none. */
    find(id, { select, expand } = {}) {
      return this.ask("db.get", { collection: this.name, id, select, expand });
    }
    create({ id, ...data }) {
      return this.ask("db.create", { collection: this.name, id, data });
    }
    /** The whole document anew, where there is one. */
    replace(id, data, options) {
      return this.put(id, data, { ifMatch: "*", ...options });
    }
    /** The whole document, whether there is one or not. */
    upsert(id, data, options) {
      return this.put(id, data, options);
    }
    put(id, data, { ifMatch, where: condition } = {}) {
      return this.ask("db.put", { collection: this.name, id, data, ifMatch, ...bound(condition) });
    }
    /** Some fields: a merge patch, whose values may be operators such as `increment(1)`. */
    update(id, patch, options) {
      return this.patch(id, patch, options);
    }
    /** A merge patch, or a JSON Patch (a list). */
    patch(id, patch, { upsert, ifMatch, where: condition } = {}) {
      return this.ask("db.patch", { collection: this.name, id, patch, upsert, ifMatch, ...bound(condition) });
    }
    async delete(id, { ifMatch, where: condition } = {}) {
      await this.ask("db.delete", { collection: this.name, id, ifMatch, ...bound(condition) });
    }
    doc(id) {
      return {
        id,
        get: (options) => this.get(id, options),
        find: (options) => this.find(id, options),
        replace: (data, options) => this.replace(id, data, options),
        upsert: (data, options) => this.upsert(id, data, options),
        update: (patch, options) => this.update(id, patch, options),
        delete: (options) => this.delete(id, options),
      };
    }
  }

  /** What one run of a transaction has read and wants to write. Nothing is sent before it is over. */
  class Transaction {
    #ask;
    #read = new Map();
    #writes = [];
    #written = new Set();

    constructor(ask) {
      this.#ask = ask;
    }

    collection(name) {
      const key = (id) => JSON.stringify([name, id]);
      const find = async (id) => {
        if (this.#written.has(key(id)))
          throw new TypeError("In a transaction a document is read before it is written.");
        if (!this.#read.has(key(id))) this.#read.set(key(id), await this.#ask("db.get", { collection: name, id }));
        // A copy: what the function does with it changes nothing that is checked.
        const found = this.#read.get(key(id));
        return found && { ...found };
      };
      const write = (op, id, members) => {
        this.#written.add(key(id));
        this.#writes.push({ op, collection: name, id, ...members });
      };
      return {
        find,
        get: async (id) => {
          const found = await find(id);
          if (found === null) throw missing();
          return found;
        },
        create: ({ id = use("crypto").newId(), ...data }) => {
          write("create", id, { data });
          return { id };
        },
        put: (id, data) => write("replace", id, { data }),
        upsert: (id, data) => write("replace", id, { data }),
        replace: (id, data) => write("replace", id, { data, ifMatch: this.#read.get(key(id))?.rev }),
        update: (id, patch, { upsert } = {}) => write("patch", id, { patch, upsert }),
        patch: (id, patch, { upsert } = {}) => write("patch", id, { patch, upsert }),
        delete: (id) => write("delete", id, {}),
      };
    }

    /** Everything that was read is checked to be what it was, in the commit that writes. */
    async commit() {
      if (this.#writes.length === 0 && this.#read.size < 2) return;
      const checks = [...this.#read].map(([key, found]) => {
        const [collection, id] = JSON.parse(key);
        const check = { op: "check", collection, id };
        return found ? { ...check, exists: true, ifMatch: found.rev } : { ...check, exists: false };
      });
      try {
        await this.#ask("db.transaction", { operations: [...checks, ...this.#writes] });
      } catch (error) {
        // Whatever a check fails with (also: the document is gone), another run reads what is there now.
        throw error?.details?.operation < checks.length ? new Conflict(error) : error;
      }
    }
  }

  class Conflict {
    constructor(cause) {
      this.cause = cause;
    }
  }

  const CONFLICTS = ["condition_failed", "precondition_failed"];

  async function transaction(ask, work) {
    for (let attempt = 1; ; attempt++) {
      const began = Date.now();
      const run = new Transaction(ask);
      const result = await work(run);
      try {
        await run.commit();
        return result;
      } catch (error) {
        const cause = error instanceof Conflict ? error.cause : error;
        if (attempt === TRIES || (cause === error && !CONFLICTS.includes(error?.code))) throw cause;
      }
      // Those who met once shouldn't meet again: the longer a run takes, the further apart they are.
      await pause(Math.random() * 2 ** attempt * Math.max(10, Date.now() - began));
    }
  }

  const pause = (time) => new Promise((resolve) => internal.timer(resolve, time, [], false));

  return {
    database: (ask) => ({
      collection: (name) => new Collection(ask, name),
      transaction: (work) => transaction(ask, work),
    }),
  };
}
