// ReadableStream, WritableStream: the default kinds of the WHATWG's streams, without readers that bring their own buffers.
export default function streams() {
  const attempt = (work) => new Promise((resolve) => resolve(work()));
  const nothing = () => {};

  function deferred() {
    const made = Promise.withResolvers();
    // Whoever waits for it is told; that nobody does is no error of its own.
    made.promise.catch(nothing);
    return made;
  }

  function sizeOf(strategy, usual) {
    const high = strategy?.highWaterMark ?? usual;
    if (Number.isNaN(+high) || high < 0) throw new RangeError("A high water mark isn't negative.");
    return { high: +high, size: strategy?.size ?? (() => 1) };
  }

  // ---- reading

  const readables = new WeakMap();
  const wanted = (s) => s.waiting.length > 0 || s.high - s.queued > 0;

  function pull(s) {
    if (s.status !== "readable" || s.closing || !s.started || !wanted(s)) return;
    if (s.pulling) {
      s.again = true;
      return;
    }
    s.pulling = true;
    attempt(() => s.source.pull?.(s.controller)).then(
      () => {
        s.pulling = false;
        const again = s.again;
        s.again = false;
        if (again) pull(s);
      },
      (error) => fail(s, error),
    );
  }

  function finish(s) {
    if (s.status !== "readable") return;
    s.status = "closed";
    for (const { resolve } of s.waiting.splice(0)) resolve({ value: undefined, done: true });
    s.closed.resolve();
  }

  function fail(s, error) {
    if (s.status !== "readable") return;
    s.status = "errored";
    s.error = error;
    s.queue = [];
    for (const { reject } of s.waiting.splice(0)) reject(error);
    s.closed.reject(error);
  }

  function enqueue(s, value) {
    if (s.status !== "readable" || s.closing) throw new TypeError("The stream takes nothing any more.");
    if (s.waiting.length > 0) {
      s.waiting.shift().resolve({ value, done: false });
    } else {
      const size = +s.size(value);
      s.queue.push({ value, size });
      s.queued += size;
    }
    pull(s);
  }

  function close(s) {
    if (s.status !== "readable" || s.closing) throw new TypeError("The stream is closed already.");
    s.closing = true;
    if (s.queue.length === 0) finish(s);
  }

  async function read(s) {
    if (s.queue.length > 0) {
      const { value, size } = s.queue.shift();
      s.queued -= size;
      if (s.closing && s.queue.length === 0) finish(s);
      else pull(s);
      return { value, done: false };
    }
    if (s.status === "errored") throw s.error;
    if (s.status === "closed") return { value: undefined, done: true };
    const next = deferred();
    s.waiting.push(next);
    pull(s);
    return next.promise;
  }

  async function cancel(s, reason) {
    if (s.status === "errored") throw s.error;
    if (s.status === "closed") return;
    s.queue = [];
    s.queued = 0;
    finish(s);
    await s.source.cancel?.(reason);
  }

  class ReadableStreamDefaultController {
    #state;
    constructor(state) {
      this.#state = state;
    }
    get desiredSize() {
      const s = this.#state;
      if (s.status === "errored") return null;
      return s.status === "closed" ? 0 : s.high - s.queued;
    }
    get byobRequest() {
      return null;
    }
    enqueue(value) {
      enqueue(this.#state, value);
    }
    close() {
      close(this.#state);
    }
    error(reason) {
      fail(this.#state, reason);
    }
  }

  class ReadableStreamDefaultReader {
    #state;
    constructor(stream) {
      const state = readables.get(stream);
      if (!state) throw new TypeError("A reader reads a ReadableStream.");
      if (state.reader) throw new TypeError("The stream has a reader already.");
      state.reader = this;
      this.#state = state;
    }
    get closed() {
      if (this.#state) return this.#state.closed.promise;
      const gone = deferred();
      gone.reject(new TypeError("The reader was released."));
      return gone.promise;
    }
    async read() {
      return read(this.#held());
    }
    async cancel(reason) {
      return cancel(this.#held(), reason);
    }
    releaseLock() {
      const state = this.#state;
      if (!state) return;
      for (const { reject } of state.waiting.splice(0)) reject(new TypeError("The reader was released."));
      state.reader = null;
      this.#state = null;
    }
    #held() {
      if (!this.#state) throw new TypeError("The reader was released.");
      return this.#state;
    }
  }

  class ReadableStream {
    constructor(source = {}, strategy = {}) {
      const state = {
        status: "readable",
        queue: [],
        queued: 0,
        waiting: [],
        reader: null,
        source,
        closed: deferred(),
        ...sizeOf(strategy, source.type === "bytes" ? 0 : 1),
      };
      readables.set(this, state);
      state.controller = new ReadableStreamDefaultController(state);
      const first = source.start?.(state.controller);
      Promise.resolve(first).then(
        () => {
          state.started = true;
          pull(state);
        },
        (error) => fail(state, error),
      );
    }

    static from(items) {
      const iterator = items[Symbol.asyncIterator]?.() ?? items[Symbol.iterator]();
      return new ReadableStream(
        {
          async pull(controller) {
            const { value, done } = await iterator.next();
            if (done) controller.close();
            else controller.enqueue(await value);
          },
          cancel: (reason) => iterator.return?.(reason),
        },
        { highWaterMark: 0 },
      );
    }

    get locked() {
      return readables.get(this).reader !== null;
    }
    getReader({ mode } = {}) {
      if (mode !== undefined) throw new TypeError("Readers with their own buffers don't exist here.");
      return new ReadableStreamDefaultReader(this);
    }
    async cancel(reason) {
      if (this.locked) throw new TypeError("The stream has a reader: cancel by it.");
      return cancel(readables.get(this), reason);
    }

    tee() {
      const reader = this.getReader();
      const branches = [];
      let reading = null;
      let left = 2;
      const next = () => {
        reading ??= reader.read().then(
          ({ value, done }) => {
            reading = null;
            for (const branch of branches.filter((one) => one.open))
              done ? branch.controller.close() : branch.controller.enqueue(value);
          },
          (error) => {
            for (const branch of branches) branch.controller.error(error);
          },
        );
        return reading;
      };
      const make = () => {
        const branch = { open: true };
        branches.push(branch);
        const start = (controller) => {
          branch.controller = controller;
        };
        const stop = (reason) => {
          branch.open = false;
          left--;
          return left === 0 ? reader.cancel(reason) : undefined;
        };
        return new ReadableStream({ start, pull: next, cancel: stop });
      };
      return [make(), make()];
    }

    async pipeTo(target, { preventClose, preventAbort, preventCancel, signal } = {}) {
      const reader = this.getReader();
      const writer = target.getWriter();
      try {
        while (true) {
          signal?.throwIfAborted();
          await writer.ready;
          const { value, done } = await reader.read().catch(async (error) => {
            if (!preventAbort) await writer.abort(error);
            throw error;
          });
          if (done) break;
          await writer.write(value);
        }
        if (!preventClose) await writer.close();
      } catch (error) {
        if (!preventCancel) await reader.cancel(error).catch(nothing);
        if (signal?.aborted && !preventAbort) await writer.abort(signal.reason).catch(nothing);
        throw error;
      } finally {
        reader.releaseLock();
        writer.releaseLock();
      }
    }

    pipeThrough({ readable, writable }, options) {
      // What goes wrong is seen at the other end.
      this.pipeTo(writable, options).catch(nothing);
      return readable;
    }

    async *values({ preventCancel = false } = {}) {
      const reader = this.getReader();
      let whole = false;
      try {
        while (true) {
          const { value, done } = await reader.read();
          whole = done;
          if (done) return;
          yield value;
        }
      } finally {
        if (!whole && !preventCancel) await reader.cancel().catch(nothing);
        reader.releaseLock();
      }
    }
    [Symbol.asyncIterator](options) {
      return this.values(options);
    }
  }

  // ---- writing

  const writables = new WeakMap();

  function failWriting(w, error) {
    if (w.status === "errored" || w.status === "closed") return;
    w.status = "errored";
    w.error = error;
    w.ready.reject(error);
    w.closed.reject(error);
  }

  /** One thing after the other: what comes waits for what came. */
  function queueUp(w, work) {
    const done = w.last.then(() => {
      if (w.status === "errored") throw w.error;
      return work();
    });
    w.last = done.catch((error) => failWriting(w, error));
    return done;
  }

  class WritableStreamDefaultWriter {
    #state;
    constructor(stream) {
      const state = writables.get(stream);
      if (!state) throw new TypeError("A writer writes to a WritableStream.");
      if (state.writer) throw new TypeError("The stream has a writer already.");
      state.writer = this;
      this.#state = state;
    }
    get ready() {
      return this.#state.ready.promise;
    }
    get closed() {
      return this.#state.closed.promise;
    }
    get desiredSize() {
      const { status, high, pending } = this.#state;
      if (status === "errored") return null;
      return status === "closed" ? 0 : high - pending;
    }
    async write(chunk) {
      const w = this.#held();
      if (w.status !== "writable") throw w.error ?? new TypeError("The stream is closed.");
      const size = +w.size(chunk);
      w.pending += size;
      if (w.pending >= w.high && !w.full) {
        w.full = true;
        w.ready = deferred();
      }
      await queueUp(w, () => w.sink.write?.(chunk, w.controller));
      w.pending -= size;
      if (w.pending < w.high && w.full) {
        w.full = false;
        w.ready.resolve();
      }
    }
    async close() {
      const w = this.#held();
      if (w.status !== "writable") throw w.error ?? new TypeError("The stream is closed.");
      w.status = "closing";
      await queueUp(w, () => w.sink.close?.());
      w.status = "closed";
      w.closed.resolve();
    }
    async abort(reason) {
      const w = this.#held();
      if (w.status === "closed" || w.status === "errored") return;
      failWriting(w, reason);
      await w.sink.abort?.(reason);
    }
    releaseLock() {
      if (this.#state) this.#state.writer = null;
      this.#state = null;
    }
    #held() {
      if (!this.#state) throw new TypeError("The writer was released.");
      return this.#state;
    }
  }

  class WritableStream {
    constructor(sink = {}, strategy = {}) {
      const state = {
        status: "writable",
        sink,
        writer: null,
        pending: 0,
        full: false,
        ready: deferred(),
        closed: deferred(),
        ...sizeOf(strategy, 1),
      };
      state.controller = { error: (reason) => failWriting(state, reason) };
      state.ready.resolve();
      writables.set(this, state);
      state.last = Promise.resolve(sink.start?.(state.controller)).catch((error) => failWriting(state, error));
    }
    get locked() {
      return writables.get(this).writer !== null;
    }
    getWriter() {
      return new WritableStreamDefaultWriter(this);
    }
    async #byWriter(work) {
      const writer = this.getWriter();
      try {
        await work(writer);
      } finally {
        writer.releaseLock();
      }
    }
    close() {
      return this.#byWriter((writer) => writer.close());
    }
    abort(reason) {
      return this.#byWriter((writer) => writer.abort(reason));
    }
  }

  class CountQueuingStrategy {
    constructor({ highWaterMark }) {
      this.highWaterMark = highWaterMark;
    }
    size() {
      return 1;
    }
  }

  class ByteLengthQueuingStrategy extends CountQueuingStrategy {
    size(chunk) {
      return chunk.byteLength;
    }
  }

  return {
    ReadableStream,
    WritableStream,
    CountQueuingStrategy,
    ByteLengthQueuingStrategy,
    inside: { attempt, close, deferred, enqueue, fail, failWriting, readables, wanted, writables },
  };
}
