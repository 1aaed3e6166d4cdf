// What every instance has: timers, console, the globals by name, FunctionError, and how a function is called.
// What is rare stands in a piece of its own, which `use` loads when it is first asked for.
export default function start(natives) {
  const { parse, stringify } = JSON;
  const {
    create,
    defineProperty,
    freeze,
    getOwnPropertyNames,
    getPrototypeOf,
    keys,
    prototype: objectPrototype,
  } = Object;
  const { apply } = Reflect;
  const { isArray } = Array;
  const { get: mapGet, set: mapSet } = WeakMap.prototype;
  const { sort, push, join } = Array.prototype;
  const { slice } = String.prototype;
  const { min, max, trunc } = Math;
  const TypeErrorOf = TypeError;
  const made = create(null);

  const internal = { natives, globals: globalThis, use };

  function use(name) {
    made[name] ??= natives.load(name)(internal);
    return made[name];
  }

  // ---- errors

  /** What a function refuses with: the caller gets code, message, details and status. */
  class FunctionError extends Error {
    constructor(code, message, details, status = 400) {
      super(message === undefined ? `${code}` : `${message}`);
      this.code = `${code}`;
      this.status = status;
      this.details = details;
    }
  }
  hidden(FunctionError.prototype, "name", "FunctionError");

  function hidden(object, name, value) {
    defineProperty(object, name, { value, writable: true, configurable: true, enumerable: false });
  }

  function describe(error) {
    try {
      return stringify(described(error));
    } catch {
      return '{"refusal":null,"name":"Error","message":"What was thrown can\'t be described.","stack":null}';
    }
  }

  function described(error) {
    if (error === null || typeof error !== "object") {
      return {
        refusal: null,
        name: error === null ? "null" : typeof error,
        message: cut(`${String(error)}`),
        stack: null,
      };
    }
    const stack = typeof error.stack === "string" ? cut(error.stack) : null;
    const message = cut(`${error.message ?? ""}`);
    const name = cut(`${error.name ?? "Error"}`);
    const refusal = error instanceof FunctionError ? refusalOf(error) : null;
    return { __proto__: null, refusal, name, message, stack };
  }

  /** A line of an error that is nobody's result, with its stack. */
  function uncaught(where, error) {
    let text = `${where}: what was thrown can't be described.`;
    let places;
    try {
      const { name, message, stack } = described(error);
      text = `${where}: ${name}: ${message}`;
      places = stack ?? undefined;
    } catch {
      // Its own properties are code, which fails as any other.
    }
    natives.log("error", text, "{}", places);
  }

  function refusalOf(error) {
    const status = typeof error.status === "number" ? min(max(trunc(error.status) || 0, 0), 999) : 400;
    return [cut(`${error.code}`), status, plain(error.details)];
  }

  /** As JSON has it, and small enough for an answer; else null. */
  function plain(value) {
    try {
      const text = stringify(value);
      return text === undefined || text.length > 65536 ? null : parse(text);
    } catch {
      return null;
    }
  }

  function cut(text) {
    return text.length > 8192 ? `${apply(slice, text, [0, 8192])}…` : text;
  }

  // ---- the call that is running

  /** Of the one call at a time: globals such as `fetch` belong to it. */
  let current = null;

  const timers = create(null);
  let nextTimer = 1;
  let liveTimers = 0;

  function setTimer(callback, delay, rest, again) {
    if (typeof callback !== "function") throw new TypeErrorOf("A timer takes a function.");
    if (!current) throw new TypeErrorOf("Timers run in calls only, not at the top of a module.");
    if (liveTimers >= 1000) throw new RangeError("There are at most 1,000 timers.");
    const id = nextTimer++;
    const wait = max(again ? 1 : 0, min(+delay || 0, 2147483647));
    const timer = { native: 0 };
    const fire = () => {
      if (timers[id] !== timer) return;
      if (again) timer.native = natives.setTimer(wait, fire);
      else clearTimer(id);
      try {
        apply(callback, undefined, rest);
      } catch (error) {
        uncaught("Uncaught in a timer", error);
      }
    };
    timers[id] = timer;
    liveTimers++;
    timer.native = natives.setTimer(wait, fire);
    return id;
  }

  function clearTimer(id) {
    const timer = timers[id];
    if (!timer) return;
    delete timers[id];
    liveTimers--;
    natives.clearTimer(timer.native);
  }

  function close(scope) {
    scope.ended = true;
    current = null;
    // Not by an iterator, which the function may have bent.
    const left = keys(timers);
    for (let i = 0; i < left.length; i++) clearTimer(left[i]);
  }

  /** Calls the host for a call; refused once the call has ended. */
  async function callHost(scope, op, args, body) {
    if (!scope) throw new TypeErrorOf("Nothing of the server can be reached at the top of a module: only in a call.");
    if (scope.ended) throw new FunctionError("call_ended", "The call that this belongs to has ended.", undefined, 409);
    const reply = await natives.hostCall(op, stringify(args), body);
    if (reply.ok) return reply;
    const details = parse(reply.details);
    throw new FunctionError(reply.code, reply.message, keys(details).length ? details : undefined, reply.status);
  }

  // ---- declarations

  const marks = new WeakMap();

  function declared(kind, subject, options, handler) {
    if (typeof handler !== "function") throw new TypeErrorOf(`${kind} takes a function at last.`);
    if (options === null || typeof options !== "object" || isArray(options)) {
      throw new TypeErrorOf(`The options of ${kind} are an object.`);
    }
    const value = freeze({ kind, subject, options, handler });
    apply(mapSet, marks, [value, { kind, subject, options, handler }]);
    return value;
  }

  /** `kind(handler)` or `kind(options, handler)`. */
  const plainly =
    (kind) =>
    (...args) =>
      args.length > 1 ? declared(kind, null, args[0], args[1]) : declared(kind, null, {}, args[0]);

  /** `kind(subject, handler)` or `kind(subject, options, handler)`. */
  const about =
    (kind, what) =>
    (subject, ...args) => {
      if (typeof subject !== "string" || subject === "") throw new TypeErrorOf(`${kind} takes ${what} first.`);
      return args.length > 1 ? declared(kind, subject, args[0], args[1]) : declared(kind, subject, {}, args[0]);
    };

  const late =
    (name) =>
    (...args) =>
      apply(use("expression")[name], undefined, args);

  const exports = {
    FunctionError,
    callable: plainly("callable"),
    http: plainly("http"),
    onDocument: about("onDocument", "a collection"),
    beforeDocument: about("beforeDocument", "a collection"),
    onFile: about("onFile", "a bucket"),
    onUser: plainly("onUser"),
    beforeUser: plainly("beforeUser"),
    onSchedule: about("onSchedule", "a cron expression"),
    onMessage: about("onMessage", "a pattern of channels"),
    where: late("where"),
    cel: late("cel"),
    all: late("all"),
    any: late("any"),
    not: late("not"),
  };

  function declarations(namespace) {
    const found = [];
    for (const name of apply(sort, getOwnPropertyNames(namespace), [])) {
      const mark = apply(mapGet, marks, [Object(namespace[name])]);
      if (mark) push.call(found, { export: name, kind: mark.kind, subject: mark.subject, options: mark.options });
    }
    return stringify(found);
  }

  // ---- a call

  async function invoke(namespace, text, input) {
    const call = parse(text);
    const scope = { call, ended: false };
    current = scope;
    try {
      const mark = apply(mapGet, marks, [Object(namespace[call.export])]);
      if (!mark || mark.kind !== call.kind) throw new TypeErrorOf(`${call.export} is no ${call.kind} of this module.`);
      const context = use("context")(scope);
      if (call.kind === "http") return await answerOverHttp(mark.handler, call.http, input, context);
      const argument = input.byteLength === 0 ? undefined : parse(natives.utf8Decode(input, 0, input.byteLength, true));
      return resultOf(await apply(mark.handler, undefined, [argument, context]));
    } catch (error) {
      return ["threw", describe(error)];
    } finally {
      close(scope);
    }
  }

  function resultOf(value) {
    if (value === undefined) return ["returned", undefined];
    let text;
    try {
      text = stringify(value);
    } catch (error) {
      // Out of memory is no fault of the value.
      if (error === null || error instanceof InternalError) throw error;
      return ["bad", `The result is no JSON: ${cut(`${error?.message}`)}`];
    }
    return text === undefined ? ["bad", `The result is no JSON: it is a ${typeof value}.`] : ["returned", text];
  }

  async function answerOverHttp(handler, head, body, context) {
    const { requestOf, respond } = use("fetch");
    await respond(await apply(handler, undefined, [requestOf(head, body), context]));
    return ["returned", undefined];
  }

  // ---- globals

  function lazily(piece, names) {
    for (const name of names) {
      defineProperty(globalThis, name, {
        configurable: true,
        enumerable: false,
        get: () => {
          const value = use(piece)[name];
          hidden(globalThis, name, value);
          return value;
        },
        set: (value) => hidden(globalThis, name, value),
      });
    }
  }

  lazily("url", ["URL", "URLSearchParams"]);
  lazily("encoding", ["TextEncoder", "TextDecoder", "atob", "btoa"]);
  lazily("events", ["Event", "CustomEvent", "EventTarget", "AbortController", "AbortSignal"]);
  lazily("body", ["Headers", "Blob", "File", "FormData"]);
  lazily("fetch", ["fetch", "Request", "Response"]);
  lazily("streams", ["ReadableStream", "WritableStream", "CountQueuingStrategy", "ByteLengthQueuingStrategy"]);
  lazily("transform", ["TransformStream", "TextDecoderStream", "TextEncoderStream"]);
  lazily("crypto", ["crypto", "CryptoKey"]);
  lazily("clone", ["structuredClone"]);

  hidden(globalThis, "self", globalThis);
  hidden(globalThis, "setTimeout", (callback, delay, ...rest) => setTimer(callback, delay, rest, false));
  hidden(globalThis, "setInterval", (callback, delay, ...rest) => setTimer(callback, delay, rest, true));
  hidden(globalThis, "clearTimeout", (id) => clearTimer(id));
  hidden(globalThis, "clearInterval", (id) => clearTimer(id));

  // ---- logs

  function log(level, message, fields) {
    let text = "{}";
    if (fields !== undefined) {
      try {
        text = stringify(fields) ?? "{}";
      } catch {
        text = stringify({ fields: use("inspect").inspect(fields) });
      }
    }
    natives.log(level, message, text);
  }

  const isPlain = (value) => {
    if (value === null || typeof value !== "object") return false;
    const prototype = getPrototypeOf(value);
    return prototype === objectPrototype || prototype === null;
  };

  /** Words are joined; a map at last is the line's fields. */
  function say(level, values) {
    const last = values.length - 1;
    const structured = last > 0 && isPlain(values[last]);
    const words = [];
    for (let i = 0; i < (structured ? last : last + 1); i++) {
      push.call(words, typeof values[i] === "string" ? values[i] : use("inspect").inspect(values[i]));
    }
    log(level, apply(join, words, [" "]), structured ? values[last] : undefined);
  }

  const counts = create(null);
  const clocks = create(null);
  const now = () => (globalThis.performance ? globalThis.performance.now() : Date.now());
  const elapsed = (label) => `${label}: ${(now() - clocks[label]).toFixed(3)} ms`;

  hidden(globalThis, "console", {
    debug: (...values) => say("debug", values),
    log: (...values) => say("info", values),
    info: (...values) => say("info", values),
    warn: (...values) => say("warn", values),
    error: (...values) => say("error", values),
    trace: (...values) => say("debug", [...values, new Error("trace").stack]),
    dir: (value) => say("info", [value]),
    table: (value) => say("info", [value]),
    assert: (condition, ...values) => condition || say("error", ["Assertion failed", ...values]),
    count: (label = "default") => {
      counts[label] = (counts[label] ?? 0) + 1;
      say("info", [`${label}: ${counts[label]}`]);
    },
    countReset: (label = "default") => delete counts[label],
    time: (label = "default") => {
      clocks[label] = now();
    },
    timeLog: (label = "default", ...values) => label in clocks && say("info", [elapsed(label), ...values]),
    timeEnd: (label = "default") => {
      if (label in clocks) say("info", [elapsed(label)]);
      delete clocks[label];
    },
    group: (...values) => values.length && say("info", values),
    groupEnd: () => {},
  });

  Object.assign(internal, { FunctionError, callHost, hidden, isPlain, log, uncaught });
  Object.assign(internal, { current: () => current, timer: setTimer });

  return { declarations, invoke, uncaught, exports };
}
