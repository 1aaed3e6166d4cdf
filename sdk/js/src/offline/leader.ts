/** One of all tabs sends the outbox: by a Web Lock, or by a lease in the store where there are none. */
import type { Clock } from "../transport/types.js";
import type { Adapter } from "./types.js";

const LEASE = 8_000;
const RENEW = 2_000;

interface Locks {
  request(name: string, options: { signal: AbortSignal }, work: () => Promise<void>): Promise<unknown>;
}

export interface LeaderOptions {
  adapter: Adapter;
  clock: Clock;
  /** The key of the lease, and the lock's name below the store's. */
  key: string;
  /** Names this tab. */
  tab: string;
  locks?: Locks | undefined;
  onLead(): void;
  onLose(): void;
}

/** Seeks to lead until it is stopped. A tab that dies is followed by another: its lock ends, its lease runs out. */
export function seekLead(options: LeaderOptions): () => Promise<void> {
  const stop = new AbortController();
  const locks = options.locks ?? (globalThis as { navigator?: { locks?: Locks } }).navigator?.locks;
  const done = (locks ? byLock(options, locks, stop.signal) : byLease(options, stop.signal)).catch(() => undefined);
  return async () => {
    stop.abort();
    await done;
  };
}

async function byLock(
  { adapter, key, onLead, onLose }: LeaderOptions,
  locks: Locks,
  signal: AbortSignal,
): Promise<void> {
  await locks.request(`${adapter.name}/${key}`, { signal }, async () => {
    if (!signal.aborted) onLead();
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve());
    });
    onLose();
  });
}

async function byLease(options: LeaderOptions, signal: AbortSignal): Promise<void> {
  const { adapter, clock, key, tab, onLead, onLose } = options;
  let leads = false;
  while (!signal.aborted) {
    // A store that fails for a moment is no reason to give up; who can't renew no longer leads.
    const holds = await renew(adapter, key, tab, clock.now()).catch(() => false);
    if (holds !== leads && !signal.aborted) {
      leads = holds;
      if (leads) onLead();
      else onLose();
    }
    await clock.sleep(RENEW, signal).catch(() => undefined);
  }
  if (!leads) return;
  onLose();
  const held = await read(adapter, key);
  if (held?.startsWith(`${tab}|`)) await adapter.commit([{ key }], { key, value: held });
}

async function renew(adapter: Adapter, key: string, tab: string, now: number): Promise<boolean> {
  const held = await read(adapter, key);
  const [owner, until] = held?.split("|") ?? [];
  if (owner !== undefined && owner !== tab && Number(until) > now) return false;
  return adapter.commit([{ key, value: `${tab}|${now + LEASE}` }], { key, value: held });
}

async function read(adapter: Adapter, key: string): Promise<string | undefined> {
  const rows = await adapter.read(key);
  return rows.find(([found]) => found === key)?.[1] as string | undefined;
}
