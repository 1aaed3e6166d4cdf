/** Time, chance and the page's own events, as arguments: tests drive them by hand. */
export interface Clock {
  now(): number;
  /** Runs `task` once after `ms`; the answer takes it back. */
  after(ms: number, task: () => void): () => void;
  /** From 0 up to, not including, 1. */
  random(): number;
}

/** What the surroundings tell: the network is back, or the page is looked at again. */
export interface Surroundings {
  /** `wake` is called when a connection is worth a try right now. */
  onWake(wake: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

interface EventSource {
  addEventListener?: (type: string, listener: () => void) => void;
  removeEventListener?: (type: string, listener: () => void) => void;
}

/** The browser's `online` and `visibilitychange`; outside of browsers there is nothing to hear. */
export const pageSurroundings: Surroundings = {
  onWake(wake) {
    const scope = globalThis as EventSource & { document?: EventSource & { visibilityState?: string } };
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
};

/** How long to wait before the try after `failures` failed ones: full jitter, so that clients don't come all at once. */
export function backOff(failures: number, clock: Clock, base = 500, most = 30_000): number {
  return clock.random() * Math.min(most, base * 2 ** Math.min(failures, 16));
}
