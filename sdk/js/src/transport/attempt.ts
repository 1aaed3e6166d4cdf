import { BasaltError } from "../errors.js";
import { aborted } from "./clock.js";
import type { Clock } from "./types.js";

export interface Attempt {
  /** For `fetch`: fires when the caller gives up or the time is over. */
  signal: AbortSignal;
  /** The work, or what ended it first; a `fetch` that ignores signals ends, too. */
  within<T>(work: Promise<T>): Promise<T>;
  /** What was begun goes on after `settle`, until the caller's own signal ends it: a stream. */
  keepSignal(): void;
  /** Stops the watch. */
  settle(): void;
}

/** One try of a call: bounded by the caller's signal and by `timeout` milliseconds (0: no bound). */
export function startAttempt(clock: Clock, timeout: number, caller: AbortSignal | undefined): Attempt {
  const controller = new AbortController();
  const timer = new AbortController();
  let end: (error: BasaltError) => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    end = reject;
  });
  ended.catch(() => {});
  const stop = (error: BasaltError) => {
    end(error);
    controller.abort(error);
  };
  const onAbort = () => stop(aborted(caller));
  if (caller?.aborted) onAbort();
  else caller?.addEventListener("abort", onAbort, { once: true });
  if (timeout > 0) {
    const message = `No answer within ${timeout} ms.`;
    clock.sleep(timeout, timer.signal).then(
      () => stop(new BasaltError({ code: "timeout", message })),
      () => {},
    );
  }
  let kept = false;
  return {
    signal: controller.signal,
    within: (work) => Promise.race([work, ended]),
    keepSignal: () => {
      kept = true;
    },
    settle: () => {
      timer.abort();
      if (!kept) caller?.removeEventListener("abort", onAbort);
    },
  };
}

/** The work, unless the caller gives up first; what was begun goes on for others who wait for it. */
export async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  let stop: () => void = () => {};
  const ended = new Promise<never>((_, reject) => {
    stop = () => reject(aborted(signal));
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([ended, work]);
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

/** What `fetch` and the reading of its body throw, as the SDK's error. */
export function networkError(error: unknown): BasaltError {
  if (error instanceof BasaltError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new BasaltError({ code: "network", message: `The server can't be reached: ${reason}`, cause: error });
}
