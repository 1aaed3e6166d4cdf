/** Frames that wait for their `ok`. */
import { BasaltError } from "../errors.js";
import type { Clock } from "../transport/types.js";
import type { ServerFrame } from "./frames.js";
import { after } from "./timing.js";
import { errorOf } from "./watch.js";

const WITHIN = 15_000;
const MOST = 1_000;

interface Waiting {
  resolve: () => void;
  reject: (error: BasaltError) => void;
  late: () => void;
}

export class Answers {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Waiting>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `send` sends the frame of this name, and says whether it was taken. */
  of(name: string, send: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#waiting.size >= MOST || !send()) {
        reject(new BasaltError({ code: "network", message: "There is no connection that takes more now." }));
        return;
      }
      const late = after(this.#clock, WITHIN, () => {
        this.#waiting.delete(name);
        reject(new BasaltError({ code: "timeout", message: "The server did not answer in time." }));
      });
      this.#waiting.set(name, { resolve, reject, late });
    });
  }

  frame(id: string, frame: ServerFrame): boolean {
    const waiting = this.#waiting.get(id);
    if (!waiting) return false;
    this.#waiting.delete(id);
    waiting.late();
    if (frame.type === "error") waiting.reject(errorOf(frame));
    else waiting.resolve();
    return true;
  }

  /** The answers won't come. */
  lost(): void {
    for (const { reject, late } of this.#waiting.values()) {
      late();
      reject(new BasaltError({ code: "network", message: "The connection broke before the answer came." }));
    }
    this.#waiting.clear();
  }
}
