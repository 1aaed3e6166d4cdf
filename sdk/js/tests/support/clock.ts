import type { Clock } from "../../src/transport/types.js";

interface Timer {
  at: number;
  fire: () => void;
}

/** A clock that stands still until it is moved. */
export class FakeClock implements Clock {
  #now = Date.parse("2026-11-22T08:00:00.000Z");
  #timers: Timer[] = [];
  /** What `random` answers. */
  chance = 0.5;

  now = (): number => this.#now;
  random = (): number => this.chance;

  sleep = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      const fire = () => {
        signal?.removeEventListener("abort", stop);
        resolve();
      };
      const timer = { at: this.#now + milliseconds, fire };
      this.#timers.push(timer);
      const stop = () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
        reject(new Error("aborted"));
      };
      if (signal?.aborted) stop();
      else signal?.addEventListener("abort", stop, { once: true });
    });

  /** Fires what falls due, in order. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    await settle();
    for (let next = this.#next(); next && next.at <= end; next = this.#next()) await this.#fire(next);
    this.#now = end;
  }

  /** Jumps from timer to timer until the promise is decided; its outcome. */
  async until<T>(promise: Promise<T>): Promise<T> {
    let decided = false;
    const mark = () => {
      decided = true;
    };
    promise.then(mark, mark);
    for (let jumps = 0; jumps < 1000; jumps++) {
      await settle();
      if (decided) return promise;
      const next = this.#next();
      if (!next) throw new Error("nothing is waited for, and the promise is not decided");
      await this.#fire(next);
    }
    throw new Error("never decided");
  }

  #next(): Timer | undefined {
    return this.#timers.reduce<Timer | undefined>(
      (first, timer) => (first && first.at <= timer.at ? first : timer),
      undefined,
    );
  }

  async #fire(timer: Timer): Promise<void> {
    this.#timers = this.#timers.filter((other) => other !== timer);
    this.#now = Math.max(this.#now, timer.at);
    timer.fire();
    await settle();
  }
}

/** Lets everything run that only waits for promises. */
export async function settle(): Promise<void> {
  for (let turns = 0; turns < 3; turns++) await new Promise((resolve) => setImmediate(resolve));
}
