/** Sends no faster than the server takes frames: 50 a second and 200 at once there, a little less here. */
import type { Clock } from "../transport/types.js";
import { after } from "./timing.js";

const RATE = 40;
const BURST = 150;
const MOST_WAITING = 1_000;

export class Pace {
  readonly #clock: Clock;
  readonly #write: (text: string) => void;
  #tokens = BURST;
  #last: number;
  readonly #waiting: string[] = [];
  #timer: (() => void) | null = null;

  constructor(clock: Clock, write: (text: string) => void) {
    this.#clock = clock;
    this.#write = write;
    this.#last = clock.now();
  }

  /** `false`: too much waits already. */
  send(text: string): boolean {
    if (this.#waiting.length >= MOST_WAITING) return false;
    this.#waiting.push(text);
    this.#flush();
    return true;
  }

  stop(): void {
    this.#timer?.();
    this.#timer = null;
    this.#waiting.length = 0;
  }

  #flush(): void {
    const now = this.#clock.now();
    this.#tokens = Math.min(BURST, this.#tokens + ((now - this.#last) / 1_000) * RATE);
    this.#last = now;
    while (this.#tokens >= 1) {
      const text = this.#waiting.shift();
      if (text === undefined) return;
      this.#tokens -= 1;
      this.#write(text);
    }
    if (this.#waiting.length > 0 && this.#timer === null) {
      this.#timer = after(this.#clock, 1_000 / RATE, () => {
        this.#timer = null;
        this.#flush();
      });
    }
  }
}
