import { isBasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";
import type { WireSession } from "./session.js";

const ATTEMPTS = 3;
/**
 * A refresh token is good once, but for ten seconds after its first use: then a second use is a lost answer, later it is
 * taken for theft. So what gets no answer is asked again soon, and not after that time.
 */
const ATTEMPT_WITHIN = 4_000;
const GRACE = 9_000;
const PAUSE = 400;
const LOST = ["network", "timeout", "unavailable", "outcome_unknown", "overloaded"];

export async function refreshSession(transport: Transport, clock: Clock, refreshToken: string): Promise<WireSession> {
  const start = clock.now();
  for (let attempt = 1; ; attempt++) {
    try {
      const { data } = await transport.request<{ session: WireSession }>({
        method: "POST",
        path: "/v1/auth/refresh",
        body: { refreshToken },
        anonymous: true,
        retries: 0,
        // The last one may wait long: it has been sent in time.
        ...(attempt < ATTEMPTS && { timeout: ATTEMPT_WITHIN }),
      });
      return data.session;
    } catch (error) {
      const lost = LOST.some((code) => isBasaltError(error, code));
      if (!lost || attempt === ATTEMPTS || clock.now() - start > GRACE - PAUSE) throw error;
      await clock.sleep(clock.random() * PAUSE);
    }
  }
}
