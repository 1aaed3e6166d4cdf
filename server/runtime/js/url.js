// URL and URLSearchParams, parsed and printed by the host's own.
export default function url(internal) {
  const { natives, isPlain } = internal;
  const PARTS = [
    "href",
    "origin",
    "protocol",
    "username",
    "password",
    "host",
    "hostname",
    "port",
    "pathname",
    "search",
    "hash",
  ];
  const text = (value) => `${value}`.toWellFormed();

  class URL {
    #parts;
    #params = null;

    constructor(href, base) {
      this.#parts = natives.urlParse(text(href), base === undefined ? undefined : text(base));
      if (!this.#parts) throw new TypeError(`Invalid URL: ${text(href)}`);
    }

    static canParse(href, base) {
      return natives.urlParse(text(href), base === undefined ? undefined : text(base)) != null;
    }
    static parse(href, base) {
      return URL.canParse(href, base) ? new URL(href, base) : null;
    }

    get searchParams() {
      this.#params ??= new URLSearchParams(this.#parts[9], changed, (query) => this.#set("search", query));
      return this.#params;
    }
    toString() {
      return this.#parts[0];
    }
    toJSON() {
      return this.#parts[0];
    }

    static {
      PARTS.forEach((name, place) => {
        Object.defineProperty(URL.prototype, name, {
          configurable: true,
          enumerable: true,
          get() {
            return this.#parts[place];
          },
          set:
            name === "origin"
              ? undefined
              : function (value) {
                  this.#change(name, text(value));
                },
        });
      });
    }

    #change(name, value) {
      if (name === "href") {
        const parts = natives.urlParse(value, undefined);
        if (!parts) throw new TypeError(`Invalid URL: ${value}`);
        this.#parts = parts;
      } else {
        this.#set(name, value);
      }
      this.#params?.[refill](this.#parts[9]);
    }
    #set(name, value) {
      this.#parts = natives.urlSet(this.#parts[0], name, value) ?? this.#parts;
    }
  }

  /** Marks the two further arguments as those of a URL. */
  const changed = Symbol("changed");
  const refill = Symbol("refill");

  class URLSearchParams {
    #pairs = [];
    #tell = null;

    constructor(init = "", mark, tell) {
      if (mark === changed) this.#tell = tell;
      if (typeof init === "object" && init !== null) this.#pairs = pairsOf(init);
      else this[refill](`${init}`);
    }

    [refill](query) {
      const flat = natives.formParse(text(query.startsWith("?") ? query.slice(1) : query));
      this.#pairs = [];
      for (let i = 0; i < flat.length; i += 2) this.#pairs.push([flat[i], flat[i + 1]]);
    }
    get size() {
      return this.#pairs.length;
    }
    append(name, value) {
      this.#pairs.push([text(name), text(value)]);
      this.#told();
    }
    delete(name, value) {
      const kept = ([n, v]) => n !== text(name) || (value !== undefined && v !== text(value));
      this.#pairs = this.#pairs.filter(kept);
      this.#told();
    }
    get(name) {
      return this.#pairs.find(([n]) => n === text(name))?.[1] ?? null;
    }
    getAll(name) {
      return this.#pairs.filter(([n]) => n === text(name)).map(([, value]) => value);
    }
    has(name, value) {
      return this.#pairs.some(([n, v]) => n === text(name) && (value === undefined || v === text(value)));
    }
    set(name, value) {
      const first = this.#pairs.findIndex(([n]) => n === text(name));
      if (first < 0) return this.append(name, value);
      this.#pairs[first][1] = text(value);
      this.#pairs = this.#pairs.filter(([n], place) => n !== text(name) || place === first);
      this.#told();
    }
    sort() {
      this.#pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
      this.#told();
    }
    forEach(callback, self) {
      for (const [name, value] of this) callback.call(self, value, name, this);
    }
    *entries() {
      for (let i = 0; i < this.#pairs.length; i++) yield [...this.#pairs[i]];
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
    toString() {
      return natives.formPrint(this.#pairs.flat());
    }
    #told() {
      this.#tell?.(this.toString());
    }
  }

  function pairsOf(init) {
    const pairs = typeof init[Symbol.iterator] === "function" && !isPlain(init) ? [...init] : Object.entries(init);
    return pairs.map((pair) => {
      const both = [...pair];
      if (both.length !== 2) throw new TypeError("Each pair has a name and a value.");
      return both.map(text);
    });
  }

  return { URL, URLSearchParams };
}
