/** Timers over the client's clock, and the page's own events. */
import type { Clock } from "../transport/types.js";

/** What the surroundings tell: the network is back, or the page is looked at again. */
export interface Surroundings {
  /** `wake` is called when a connection is worth a try right now; the answer ends the listening. */
  onWake(wake: () => void): () => void;
  /** `lose` is called when there is no network at all. */
  onOffline?(lose: () => void): () => void;
}

/** Runs `task` once after so many milliseconds; the answer takes it back. */
export function after(clock: Clock, milliseconds: number, task: () => void): () => void {
  const abort = new AbortController();
  let done = false;
  clock.sleep(milliseconds, abort.signal).then(
    () => {
      if (done) return;
      done = true;
      task();
    },
    // A sleep only fails when it is taken back.
    () => {},
  );
  return () => {
    if (done) return;
    done = true;
    abort.abort();
  };
}

/** How long to wait after so many failures: full jitter, so that clients don't all come back at once. */
export function backOff(failures: number, clock: Clock, base = 500, most = 30_000): number {
  return clock.random() * Math.min(most, base * 2 ** Math.min(failures, 16));
}

interface Events {
  addEventListener?: (type: string, listener: () => void) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
}

/** The browser's `online`, `offline` and `visibilitychange`; elsewhere there is nothing to hear. */
export const pageSurroundings: Surroundings = {
  onWake(wake) {
    const scope = globalThis as Events & { document?: Events & { visibilityState?: string } };
    const page = scope.document;
    const seen = () => {
      if (page?.visibilityState === "visible") wake();
    };
    scope.addEventListener?.("online", wake);
    page?.addEventListener?.("visibilitychange", seen);
    return () => {
      scope.removeEventListener?.("online", wake);
      page?.removeEventListener?.("visibilitychange", seen);
    };
  },
  onOffline(lose) {
    const scope = globalThis as Events;
    scope.addEventListener?.("offline", lose);
    return () => scope.removeEventListener?.("offline", lose);
  },
};

/** Calls what an app gave: its failure is reported like any uncaught one, and stops nothing here. */
export function guarded(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
