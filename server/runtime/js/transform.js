// TransformStream, and the streams of text.
export default function transform(internal) {
  const { ReadableStream, WritableStream, inside } = internal.use("streams");
  const { attempt, close, deferred, enqueue, fail, failWriting, readables, wanted, writables } = inside;

  class TransformStream {
    #readable;
    #writable;

    constructor(transformer = {}, writableStrategy = { highWaterMark: 1 }, readableStrategy = { highWaterMark: 0 }) {
      let demand = deferred();
      let state;
      let stop;
      this.#readable = new ReadableStream(
        {
          pull: () => demand.resolve(),
          cancel: (reason) => {
            demand.reject(reason);
            stop(reason);
          },
        },
        readableStrategy,
      );
      state = readables.get(this.#readable);
      const controller = {
        get desiredSize() {
          return state.high - state.queued;
        },
        enqueue: (value) => enqueue(state, value),
        error: (reason) => {
          fail(state, reason);
          stop(reason);
        },
        terminate: () => {
          close(state);
          stop(new TypeError("The stream was terminated."));
        },
      };
      this.#writable = new WritableStream(
        {
          async write(chunk) {
            // Nothing is made before somebody wants it.
            while (!wanted(state)) {
              await demand.promise;
              if (!wanted(state)) demand = deferred();
            }
            try {
              if (transformer.transform) await transformer.transform(chunk, controller);
              else controller.enqueue(chunk);
            } catch (error) {
              fail(state, error);
              throw error;
            }
          },
          async close() {
            await attempt(() => transformer.flush?.(controller)).catch((error) => {
              fail(state, error);
              throw error;
            });
            if (state.status === "readable" && !state.closing) close(state);
          },
          abort: (reason) => fail(state, reason),
        },
        writableStrategy,
      );
      stop = (reason) => failWriting(writables.get(this.#writable), reason);
      transformer.start?.(controller);
    }
    get readable() {
      return this.#readable;
    }
    get writable() {
      return this.#writable;
    }
  }

  class TextDecoderStream extends TransformStream {
    constructor(label, options) {
      const decoder = new (internal.use("encoding").TextDecoder)(label, options);
      const say = (text, controller) => text && controller.enqueue(text);
      super({
        transform: (chunk, controller) => say(decoder.decode(chunk, { stream: true }), controller),
        flush: (controller) => say(decoder.decode(), controller),
      });
    }
  }

  class TextEncoderStream extends TransformStream {
    constructor() {
      const { encode } = internal.use("encoding");
      super({ transform: (chunk, controller) => `${chunk}` && controller.enqueue(encode(chunk)) });
    }
  }

  return { TransformStream, TextDecoderStream, TextEncoderStream };
}
