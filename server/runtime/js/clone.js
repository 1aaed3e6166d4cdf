// structuredClone: what the HTML standard lets be cloned, cycles included.
export default function clone() {
  const refused = (value) => new DOMException(`${describe(value)} can't be cloned.`, "DataCloneError");
  const describe = (value) => (typeof value === "function" ? `The function ${value.name}` : `A ${typeof value}`);
  const ERRORS = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };

  function structuredClone(value, { transfer = [] } = {}) {
    const seen = new Map();
    for (const buffer of transfer) {
      if (!(buffer instanceof ArrayBuffer) || seen.has(buffer)) throw refused(buffer);
      seen.set(buffer, buffer);
    }
    for (const buffer of transfer) seen.set(buffer, buffer.transfer());
    return copy(value, seen);
  }

  function copy(value, seen) {
    if (typeof value === "function" || typeof value === "symbol") throw refused(value);
    if (value === null || typeof value !== "object") return value;
    if (seen.has(value)) return seen.get(value);
    const simple = simpleCopy(value, seen);
    if (simple !== undefined) {
      seen.set(value, simple);
      return simple;
    }
    if (value instanceof Map)
      return fill(value, new Map(), seen, (map, [k, v]) => map.set(copy(k, seen), copy(v, seen)));
    if (value instanceof Set) return fill(value, new Set(), seen, (set, one) => set.add(copy(one, seen)));
    if (value instanceof Error) return errorCopy(value, seen);
    if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef || value instanceof Promise) {
      throw refused(value);
    }
    const made = Array.isArray(value) ? new Array(value.length) : {};
    return fill(
      Object.keys(value),
      made,
      seen,
      (to, key) => {
        const [writable, enumerable, configurable] = [true, true, true];
        Object.defineProperty(to, key, { value: copy(value[key], seen), writable, enumerable, configurable });
      },
      value,
    );
  }

  function fill(items, made, seen, put, from = items) {
    seen.set(from, made);
    for (const item of [...items]) put(made, item);
    return made;
  }

  function simpleCopy(value, seen) {
    if (value instanceof Date) return new Date(value.getTime());
    if (value instanceof RegExp) return new RegExp(value.source, value.flags);
    if (value instanceof Boolean || value instanceof Number || value instanceof String || value instanceof BigInt) {
      return Object(value.valueOf());
    }
    if (value instanceof ArrayBuffer) return value.slice(0);
    if (!ArrayBuffer.isView(value)) return undefined;
    const buffer = copy(value.buffer, seen);
    if (value instanceof DataView) return new DataView(buffer, value.byteOffset, value.byteLength);
    return new value.constructor(buffer, value.byteOffset, value.length);
  }

  function errorCopy(error, seen) {
    const made = Object.create((ERRORS[error.name] ?? Error).prototype);
    seen.set(error, made);
    for (const name of ["message", "stack", "cause"]) {
      if (!Object.hasOwn(error, name) && name !== "message") continue;
      const value = name === "cause" ? copy(error.cause, seen) : `${error[name]}`;
      Object.defineProperty(made, name, { value, writable: true, configurable: true, enumerable: false });
    }
    return made;
  }

  return { structuredClone };
}
