// Conditions in CEL whose values are always bound: the text has gaps, and what fills a gap travels beside it in `vars`.
// The same as the SDK's `where`, `cel`, `all`, `any` and `not`.
export default function expression() {
  const IDENTIFIER = /^[A-Za-z_][A-Za-z0-9_]*$/;
  const RESERVED = new Set(
    (
      "true false null in as break const continue else for function if import let loop package namespace return " +
      "var void while"
    ).split(" "),
  );

  class Expression {
    constructor(texts, values, joint = null) {
      this.texts = texts;
      this.values = values;
      this.joint = joint;
    }
    and(other) {
      return all(this, other);
    }
    or(other) {
      return any(this, other);
    }
    /** The text, and what it is bound to; names begin with `prefix`. */
    compile(prefix = "v") {
      const vars = {};
      const filter = this.texts.reduce((text, part, index) => {
        vars[`${prefix}${index - 1}`] = this.values[index - 1];
        return `${text}vars.${prefix}${index - 1}${part}`;
      });
      return { filter, vars };
    }
    within(parent) {
      return this.joint === null || this.joint === parent ? this : concat(["(", this, ")"]);
    }
  }

  function where(field, operator, value) {
    switch (operator) {
      case "==":
      case "!=":
      case "<":
      case "<=":
      case ">":
      case ">=":
        return bound(`${reference(field)} ${operator} `, value, "");
      case "in":
        return bound(`${reference(field)} in `, list(value), "");
      case "not in":
        return bound(`!(${reference(field)} in `, list(value), ")");
      case "contains":
        return bound("", value, ` in ${reference(field)}`);
      case "startsWith":
      case "endsWith":
        return bound(`${reference(field)}.${operator}(`, text(value), ")");
      case "containsText":
        return bound(`${reference(field)}.contains(`, text(value), ")");
      case "has":
        if (typeof value !== "boolean") throw new TypeError('"has" is compared with true or false.');
        return new Expression([value ? presence(field) : `!(${presence(field)})`], []);
      default:
        throw new TypeError(`There is no operator ${JSON.stringify(operator)}.`);
    }
  }

  /** CEL with bound values: cel`doc.n > ${least}`. Conditions may be put in, too. */
  function cel(texts, ...values) {
    if (!Array.isArray(texts?.raw)) throw new TypeError("Write cel`…`: a text that was put together isn't bound.");
    const parts = texts.flatMap((part, index) => {
      if (index === 0) return [part];
      const value = values[index - 1];
      return [value instanceof Expression ? concat(["(", value, ")"]) : bound("", value, ""), part];
    });
    if (!balanced(texts)) throw new TypeError("A value stands within quotes: leave the quotes out, it is bound.");
    const { texts: all, values: bindings } = concat(parts);
    return new Expression(all, bindings, "||").within(null);
  }

  /** Whether no gap is within quotes: there it would be text, not a value. */
  function balanced(texts) {
    let quote = "";
    return texts.every((part, index) => {
      for (let i = 0; i < part.length; i++) {
        if (quote && part[i] === "\\") i++;
        else if (quote) quote = part[i] === quote ? "" : quote;
        else if (part[i] === '"' || part[i] === "'") quote = part[i];
      }
      return index === texts.length - 1 || !quote;
    });
  }

  const all = (...conditions) => joined(conditions, "&&");
  const any = (...conditions) => joined(conditions, "||");
  const not = (condition) => concat(["!(", condition, ")"]);

  function joined(conditions, joint) {
    const [first, ...rest] = conditions;
    if (!first) throw new TypeError("There has to be one condition at least.");
    if (rest.length === 0) return first;
    const { texts, values } = concat([
      first.within(joint),
      ...rest.flatMap((condition) => [` ${joint} `, condition.within(joint)]),
    ]);
    return new Expression(texts, values, joint);
  }

  function concat(parts) {
    const texts = [];
    const values = [];
    let open = "";
    for (const part of parts) {
      if (typeof part === "string") {
        open += part;
        continue;
      }
      part.values.forEach((value, gap) => {
        texts.push(open + part.texts[gap]);
        values.push(value);
        open = "";
      });
      open += part.texts[part.values.length];
    }
    return new Expression([...texts, open], values);
  }

  const bound = (before, value, after) => new Expression([before, after], [bindable(value)]);

  function list(value) {
    if (!Array.isArray(value)) throw new TypeError('"in" and "not in" take a list.');
    return value;
  }

  function text(value) {
    if (typeof value !== "string") throw new TypeError("This operator takes a text.");
    return value;
  }

  /** JSON, deeply; what JSON would silently change is refused. */
  function bindable(value) {
    if (value === null || typeof value === "boolean" || typeof value === "string") return value;
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
    if (Array.isArray(value)) return value.map(bindable);
    if (typeof value === "object" && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
      return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, bindable(inner)]));
    }
    throw new TypeError(`${String(value)} can't be bound: it is no JSON.`);
  }

  function steps(path) {
    const all = typeof path === "string" ? path.split(".") : path;
    const bad = (step) =>
      typeof step !== "string" || !step || step.length > 128 || step.startsWith("$") || hasControl(step);
    if (!Array.isArray(all) || all.length === 0 || all.some(bad)) {
      throw new TypeError(`${JSON.stringify(path)} is no name of a field.`);
    }
    return all;
  }

  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused
  const hasControl = (step) => /[\u0000-\u001f\u007f]/.test(step) || !step.isWellFormed();
  const isIdentifier = (name) => IDENTIFIER.test(name) && !RESERVED.has(name);
  const reference = (path) =>
    steps(path).reduce((text, step) => text + (isIdentifier(step) ? `.${step}` : `[${JSON.stringify(step)}]`), "doc");

  function presence(path) {
    const all = steps(path);
    const last = all[all.length - 1];
    if (isIdentifier(last)) return `has(${reference(all)})`;
    return `${JSON.stringify(last)} in ${all.length > 1 ? reference(all.slice(0, -1)) : "doc"}`;
  }

  /** A name in `sort`, `select` or `expand`. */
  function plainName(path) {
    const name = steps(path).join(".");
    if (/[,()\s]/.test(name) || name.startsWith("-"))
      throw new TypeError(`${JSON.stringify(name)} can't be named here.`);
    return name;
  }

  return { Expression, where, cel, all, any, not, plainName };
}
