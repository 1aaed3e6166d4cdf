/** What tabs of one origin share: a lock, so that one of them renews, and news, so that the others follow. */
import type { Clock } from "../transport/types.js";
import type { AuthEventName } from "./types.js";

export interface Tabs {
  /** One at a time in all tabs. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  tell(event: AuthEventName): void;
  /** `event` is null where only the storage itself was seen to change. */
  follow(listener: (event: AuthEventName | null) => void): void;
  close(): void;
}

export interface TabsPlatform {
  locks?: Pick<LockManager, "request"> | undefined;
  BroadcastChannel?: (new (name: string) => BroadcastChannel) | undefined;
  addEventListener?: ((type: "storage", listener: (event: StorageEvent) => void) => void) | undefined;
  removeEventListener?: ((type: "storage", listener: (event: StorageEvent) => void) => void) | undefined;
}

const EVENTS: readonly string[] = ["signed_in", "signed_out", "token_refreshed", "session_ended"];
/** A tab that the browser froze while it held the lock must not stop the others for ever. */
const LONGEST_WAIT = 10_000;

export function browserPlatform(): TabsPlatform {
  const scope = globalThis as typeof globalThis & TabsPlatform;
  const locks = typeof navigator === "undefined" ? undefined : (navigator as Partial<Navigator>).locks;
  return {
    locks,
    BroadcastChannel: scope.BroadcastChannel,
    addEventListener: scope.addEventListener?.bind(scope),
    removeEventListener: scope.removeEventListener?.bind(scope),
  };
}

export function openTabs(key: string, platform: TabsPlatform, clock: Clock): Tabs {
  let listener: (event: AuthEventName | null) => void = () => {};
  const channel = platform.BroadcastChannel ? new platform.BroadcastChannel(key) : null;
  if (channel) {
    channel.onmessage = ({ data }) => listener(EVENTS.includes(data) ? data : null);
    // In Node a channel keeps the process alive.
    (channel as BroadcastChannel & { unref?: () => void }).unref?.();
  }
  const onStorage = (event: StorageEvent) => {
    if (event.key === key || event.key === null) listener(null);
  };
  platform.addEventListener?.("storage", onStorage);
  return {
    alone: (work) => locked(key, platform, clock, work),
    tell: (event) => channel?.postMessage(event),
    follow: (follower) => {
      listener = follower;
    },
    close: () => {
      channel?.close();
      platform.removeEventListener?.("storage", onStorage);
    },
  };
}

async function locked<T>(key: string, platform: TabsPlatform, clock: Clock, work: () => Promise<T>): Promise<T> {
  if (!platform.locks) return work();
  const patience = new AbortController();
  const had = new AbortController();
  clock.sleep(LONGEST_WAIT, had.signal).then(
    () => patience.abort(),
    () => {},
  );
  let begun = false;
  try {
    return await platform.locks.request(key, { signal: patience.signal }, () => {
      begun = true;
      had.abort();
      return work();
    });
  } catch (error) {
    if (begun || !patience.signal.aborted) throw error;
    return work();
  } finally {
    had.abort();
  }
}
