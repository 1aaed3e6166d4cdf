/** A network between a client and a server: it goes away, loses answers, and delivers twice. */
import type { Fetch } from "../../../src/transport/types.js";

export interface Faults {
  /** Of writes: the server has it, the client isn't told. */
  lost: number;
  /** Of writes: the same request comes twice; the client gets the second answer. */
  twice: number;
}

export class Network {
  faults: Faults = { lost: 0, twice: 0 };
  readonly counts = { sent: 0, lost: 0, twice: 0 };
  #up = true;
  #cut = new AbortController();

  constructor(private readonly random: () => number = Math.random) {}

  get isUp(): boolean {
    return this.#up;
  }

  down(): void {
    this.#up = false;
    // What is under way breaks off, open streams too.
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  up(): void {
    this.#up = true;
  }

  fetch: Fetch = async (input, init) => {
    const send = () => {
      if (!this.#up) throw new TypeError("fetch failed");
      const signals = [this.#cut.signal, ...(init?.signal ? [init.signal] : [])];
      return fetch(input, { ...init, signal: AbortSignal.any(signals) }).catch((error) => {
        // An aborted network is no abort of the caller's.
        throw init?.signal?.aborted ? error : new TypeError("fetch failed");
      });
    };
    const isWrite = init?.method !== "GET" && input.includes("/documents");
    if (!isWrite) return send();
    this.counts.sent += 1;
    if (this.random() < this.faults.twice) {
      this.counts.twice += 1;
      await (await send()).arrayBuffer();
    }
    const answer = await send();
    if (this.random() >= this.faults.lost) return answer;
    this.counts.lost += 1;
    await answer.arrayBuffer();
    throw new TypeError("fetch failed");
  };
}

/** Chance that repeats itself (mulberry32). */
export function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let value = Math.imul(state ^ (state >>> 15), 1 | state);
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
    return ((value ^ (value >>> 14)) >>> 0) / 4_294_967_296;
  };
}
