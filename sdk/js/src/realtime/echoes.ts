/**
 * Over an event stream messages go by HTTP, for which the server doesn't know that their sender listens: it tells him,
 * too. So that nobody gets his own, here as over a WebSocket, what comes back is taken out.
 */
import type { Json } from "../documents/types.js";
import type { Clock } from "../transport/types.js";
import type { MessageFrame } from "./frames.js";
import { canonical } from "./spec.js";

const MOST = 1_000;
/** An echo that takes longer is shown rather than somebody else's message hidden. */
const WITHIN = 10_000;

interface Said {
  channel: string;
  what: string;
  at: number;
}

export class Echoes {
  readonly #clock: Clock;
  #said: Said[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer takes it back: it was not said. */
  expect(channel: string, event: string, data: Json): () => void {
    const at = this.#clock.now();
    const said = { channel, what: canonical([event, data]), at };
    this.#said = this.#said.filter((other) => at - other.at < WITHIN).slice(-MOST + 1);
    this.#said.push(said);
    return () => {
      this.#said = this.#said.filter((other) => other !== said);
    };
  }

  has({ channel, event, data }: MessageFrame): boolean {
    if (this.#said.length === 0) return false;
    const what = canonical([event, data]);
    const now = this.#clock.now();
    const index = this.#said.findIndex(
      (said) => said.channel === channel && said.what === what && now - said.at < WITHIN,
    );
    if (index < 0) return false;
    this.#said.splice(index, 1);
    return true;
  }
}
