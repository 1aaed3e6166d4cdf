import { Auth, type LogOutGuard } from "../../../src/auth/auth.js";
import { SessionKeeper } from "../../../src/auth/keeper.js";
import { refreshSession } from "../../../src/auth/refresh.js";
import { openTabs, type TabsPlatform } from "../../../src/auth/tabs.js";
import type { AuthEvent } from "../../../src/auth/types.js";
import { type KeyValueStorage, memoryStorage, Slot } from "../../../src/storage/storage.js";
import { createTransport } from "../../../src/transport/fetch.js";
import { DEFAULT_RETRIES } from "../../../src/transport/retry.js";
import type { Transport } from "../../../src/transport/types.js";
import { FakeClock } from "../../support/clock.js";
import { fakeFetch, json, type Reply, type Sent } from "../../support/fetch.js";

export const KEY = "basalt.test";

/** The lock of all tabs: one at a time, first come first served. */
export function fakeLocks(): NonNullable<TabsPlatform["locks"]> {
  let tail: Promise<unknown> = Promise.resolve();
  const request = (_name: string, _options: unknown, work: () => Promise<unknown>) => {
    const result = tail.then(work);
    tail = result.catch(() => {});
    return result;
  };
  return { request } as unknown as NonNullable<TabsPlatform["locks"]>;
}

/** The channel of all tabs. */
export function fakeChannels(): NonNullable<TabsPlatform["BroadcastChannel"]> {
  const all = new Set<{ onmessage: ((event: MessageEvent) => void) | null }>();
  class Channel {
    onmessage: ((event: MessageEvent) => void) | null = null;
    constructor(readonly name: string) {
      all.add(this);
    }
    postMessage(data: unknown) {
      for (const other of all) if (other !== this) queueMicrotask(() => other.onmessage?.({ data } as MessageEvent));
    }
    close() {
      all.delete(this);
    }
  }
  return Channel as unknown as NonNullable<TabsPlatform["BroadcastChannel"]>;
}

export interface Tab {
  auth: Auth;
  keeper: SessionKeeper;
  transport: Transport;
  sent: Sent[];
  events: AuthEvent[];
}

export interface TabOptions {
  storage?: KeyValueStorage;
  clock?: FakeClock;
  platform?: TabsPlatform;
  guard?: LogOutGuard;
}

export function openTab(options: TabOptions, ...replies: Reply[]): Tab & { clock: FakeClock } {
  const { fetch, sent } = fakeFetch(...replies);
  const clock = options.clock ?? new FakeClock();
  const retry = { ...DEFAULT_RETRIES, retries: 0 };
  const transport = createTransport({
    url: "https://api.test",
    fetch,
    clock,
    timeout: 30_000,
    retry,
    tokens: () => keeper,
  });
  const keeper: SessionKeeper = new SessionKeeper({
    slot: new Slot(options.storage ?? memoryStorage(), KEY),
    tabs: openTabs(KEY, options.platform ?? {}, clock),
    clock,
    refresh: (token) => refreshSession(transport, clock, token),
  });
  const events: AuthEvent[] = [];
  keeper.onChange((event) => events.push(event));
  return { auth: new Auth(keeper, transport, () => options.guard ?? null), keeper, transport, sent, events, clock };
}

export const USER = { id: "u1", rev: "1", createdAt: "", updatedAt: "", email: "ann@example.com", anonymous: false };

export const session = (n: number, expiresIn = 900) => ({
  accessToken: `access${n}`,
  refreshToken: `refresh${n}`,
  tokenType: "Bearer",
  expiresIn,
});

export const signedIn = (n: number, user: object = USER) => json({ user, session: session(n) });
export const refreshed = (n: number) => json({ session: session(n) });
export const LOGIN = { email: "ann@example.com", password: "secret" };
