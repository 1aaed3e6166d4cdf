// Event, EventTarget, AbortController, AbortSignal.
export default function events(internal) {
  class Event {
    #type;
    #options;
    target = null;
    currentTarget = null;
    defaultPrevented = false;
    stopped = false;

    constructor(type, options = {}) {
      this.#type = `${type}`;
      this.#options = options;
      for (const name of ["target", "currentTarget", "stopped"]) internal.hidden(this, name, this[name]);
    }
    get type() {
      return this.#type;
    }
    get cancelable() {
      return !!this.#options.cancelable;
    }
    get bubbles() {
      return !!this.#options.bubbles;
    }
    preventDefault() {
      if (this.cancelable) this.defaultPrevented = true;
    }
    stopPropagation() {}
    stopImmediatePropagation() {
      this.stopped = true;
    }
  }

  class CustomEvent extends Event {
    #detail;
    constructor(type, options = {}) {
      super(type, options);
      this.#detail = options.detail ?? null;
    }
    get detail() {
      return this.#detail;
    }
  }

  class EventTarget {
    #listeners = [];

    addEventListener(type, callback, options = {}) {
      if (callback === null || callback === undefined) return;
      const { once = false, signal } = typeof options === "object" ? options : {};
      if (signal?.aborted || this.#listeners.some((one) => one.type === `${type}` && one.callback === callback)) return;
      this.#listeners.push({ type: `${type}`, callback, once });
      signal?.addEventListener("abort", () => this.removeEventListener(type, callback));
    }
    removeEventListener(type, callback) {
      this.#listeners = this.#listeners.filter((one) => one.type !== `${type}` || one.callback !== callback);
    }
    dispatchEvent(event) {
      event.target = this;
      event.currentTarget = this;
      const handler = this[`on${event.type}`];
      const own = typeof handler === "function" ? [{ callback: handler }] : [];
      for (const { callback, once } of [...own, ...this.#listeners.filter((one) => one.type === event.type)]) {
        if (event.stopped) break;
        if (once) this.removeEventListener(event.type, callback);
        try {
          if (typeof callback === "function") callback.call(this, event);
          else callback.handleEvent(event);
        } catch (error) {
          // As on the web: who tells an event isn't hurt by who hears it.
          internal.uncaught("Uncaught in a listener", error);
        }
      }
      return !event.defaultPrevented;
    }
  }

  const make = Symbol("make");

  class AbortSignal extends EventTarget {
    #aborted = false;
    #reason;
    onabort = null;

    constructor(mark) {
      if (mark !== make) throw new TypeError("An AbortSignal is made by an AbortController.");
      super();
    }
    get aborted() {
      return this.#aborted;
    }
    get reason() {
      return this.#reason;
    }
    throwIfAborted() {
      if (this.#aborted) throw this.#reason;
    }
    [make](reason = new DOMException("The operation was aborted.", "AbortError")) {
      if (this.#aborted) return;
      this.#aborted = true;
      this.#reason = reason;
      this.dispatchEvent(new Event("abort"));
    }

    static abort(reason) {
      const signal = new AbortSignal(make);
      signal[make](reason);
      return signal;
    }
    static timeout(milliseconds) {
      const signal = new AbortSignal(make);
      const late = () => signal[make](new DOMException("The operation timed out.", "TimeoutError"));
      internal.timer(late, milliseconds, [], false);
      return signal;
    }
    static any(signals) {
      const all = [...signals];
      const aborted = all.find((signal) => signal.aborted);
      if (aborted) return AbortSignal.abort(aborted.reason);
      const signal = new AbortSignal(make);
      for (const one of all) one.addEventListener("abort", () => signal[make](one.reason));
      return signal;
    }
  }

  class AbortController {
    #signal = new AbortSignal(make);
    get signal() {
      return this.#signal;
    }
    abort(reason) {
      this.#signal[make](reason);
    }
  }

  return { Event, CustomEvent, EventTarget, AbortSignal, AbortController };
}
