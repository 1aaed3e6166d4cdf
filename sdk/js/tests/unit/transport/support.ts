import type { TokenSource } from "../../../src/auth/types.js";
import { createTransport } from "../../../src/transport/fetch.js";
import { DEFAULT_RETRIES } from "../../../src/transport/retry.js";
import type { Transport } from "../../../src/transport/types.js";
import { FakeClock } from "../../support/clock.js";
import { fakeFetch, type Reply, type Sent } from "../../support/fetch.js";

/** A token source whose `refused` gives the next of these tokens. */
export function tokens(...values: (string | null)[]): TokenSource & { refusals: string[] } {
  let place = 0;
  const refusals: string[] = [];
  return {
    refusals,
    token: async () => values[place] ?? null,
    userId: async () => null,
    refused: async (token) => {
      refusals.push(token);
      place += 1;
      return values[place] ?? null;
    },
    onChange: () => () => {},
  };
}

export interface Bench {
  transport: Transport;
  sent: Sent[];
  clock: FakeClock;
}

export function bench(source: TokenSource, ...replies: Reply[]): Bench {
  const { fetch, sent } = fakeFetch(...replies);
  const clock = new FakeClock();
  const options = {
    url: "https://api.test",
    fetch,
    clock,
    timeout: 30_000,
    retry: DEFAULT_RETRIES,
    tokens: () => source,
  };
  return { transport: createTransport(options), sent, clock };
}
