// Values as people read them in a log: bounded in depth, width and length.
export default function inspect() {
  const DEPTH = 4;
  const ITEMS = 100;
  const LENGTH = 8192;

  function inspect(value) {
    try {
      const text = show(value, 0, [], false);
      return text.length > LENGTH ? `${text.slice(0, LENGTH)}…` : text;
    } catch (error) {
      // Out of memory ends the call; what a getter throws doesn't.
      if (error === null) throw error;
      return "[a value that can't be shown]";
    }
  }

  function show(value, depth, above, quoted = true) {
    if (typeof value === "string") return quoted ? JSON.stringify(value.slice(0, LENGTH)) : value;
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function") return `[Function ${value.name || "(anonymous)"}]`;
    if (typeof value !== "object" || value === null) return String(value);
    if (above.includes(value)) return "[Circular]";
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (value instanceof RegExp) return String(value);
    if (value instanceof Error) return errorText(value, depth, [...above, value]);
    if (value instanceof Promise) return "Promise {}";
    if (depth >= DEPTH) return Array.isArray(value) ? "[Array]" : "[Object]";
    return container(value, depth + 1, [...above, value]);
  }

  function errorText(error, depth, above) {
    const head = `${error.name}: ${error.message}`;
    const cause = error.cause === undefined ? "" : `\ncaused by ${show(error.cause, depth + 1, above)}`;
    return `${error.stack ? `${head}\n${error.stack.trimEnd()}` : head}${cause}`;
  }

  function container(value, depth, above) {
    const inner = (one) => show(one, depth, above);
    if (value instanceof Map) {
      return `Map(${value.size}) ${braces(value, ([key, one]) => `${inner(key)} => ${inner(one)}`)}`;
    }
    if (value instanceof Set) return `Set(${value.size}) ${braces(value, inner)}`;
    if (value instanceof ArrayBuffer) return `ArrayBuffer { ${value.byteLength} bytes }`;
    if (ArrayBuffer.isView(value) && !(value instanceof DataView)) {
      return `${value.constructor.name}(${value.length}) ${brackets(value, inner)}`;
    }
    if (Array.isArray(value)) return brackets(value, inner);
    const name = Object.getPrototypeOf(value)?.constructor?.name;
    const key = (text) => (/^[A-Za-z_$][\w$]*$/.test(text) ? text : JSON.stringify(text));
    const body = braces(Object.keys(value), (one) => `${key(one)}: ${inner(value[one])}`);
    return name && name !== "Object" ? `${name} ${body}` : body;
  }

  const braces = (items, one) => wrap("{ ", items, one, " }", "{}");
  const brackets = (items, one) => wrap("[ ", items, one, " ]", "[]");

  function wrap(open, items, one, close, empty) {
    const parts = [];
    for (const item of items) {
      if (parts.length === ITEMS) {
        parts.push("…");
        break;
      }
      parts.push(one(item));
    }
    return parts.length === 0 ? empty : `${open}${parts.join(", ")}${close}`;
  }

  return { inspect };
}
