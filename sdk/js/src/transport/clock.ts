import { BasaltError } from "../errors.js";
import type { Clock } from "./types.js";

/** The machine's own time and chance. */
export const systemClock: Clock = {
  now: () => Date.now(),
  random: () => Math.random(),
  sleep: (milliseconds, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(aborted(signal));
      const stop = () => {
        clearTimeout(timer);
        reject(aborted(signal));
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener("abort", stop);
        resolve();
      }, milliseconds);
      signal?.addEventListener("abort", stop, { once: true });
    }),
};

/** The caller's own signal fired. */
export function aborted(signal?: AbortSignal): BasaltError {
  return new BasaltError({ code: "aborted", message: "The call was aborted.", cause: signal?.reason });
}
