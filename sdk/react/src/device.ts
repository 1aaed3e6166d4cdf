/** What this device knows of its connection, and of writes that wait. */
import type { Conflict, ConnectionState, PendingWrite } from "@basalt/client";
import { useSyncExternalStore } from "react";
import { useBasalt } from "./context.js";
import { storeOf } from "./store.js";

/** The live connection's state: `idle` while nothing is watched. */
export function useConnection(): ConnectionState {
  const client = useBasalt();
  const store = storeOf<ConnectionState>(client, "connection", "idle", (set) => {
    set(client.realtime.state);
    return client.realtime.onState(set);
  });
  return useSyncExternalStore(store.subscribe, store.get, store.getOnServer);
}

const NONE: PendingWrite[] = [];

/** Writes that the server doesn't have yet, in order; always empty without `persistence`. */
export function usePendingWrites(): PendingWrite[] {
  const client = useBasalt();
  const store = storeOf<PendingWrite[]>(client, "pending", NONE, (set) => client.offline?.onPending(set) ?? (() => {}));
  return useSyncExternalStore(store.subscribe, store.get, store.getOnServer);
}

const NO_CONFLICTS: Conflict[] = [];

/** Writes that others' changes stand against, for `client.offline.resolve`; always empty without `persistence`. */
export function useConflicts(): Conflict[] {
  const client = useBasalt();
  const store = storeOf<Conflict[]>(client, "conflicts", NO_CONFLICTS, (set) => {
    const { offline } = client;
    if (!offline) return () => {};
    let serial = 0;
    const read = async () => {
      const own = ++serial;
      const conflicts = await offline.conflicts();
      if (own === serial) set((before) => (before.length + conflicts.length === 0 ? before : conflicts));
    };
    // A store that can't be read is told of by what reads and writes documents.
    const look = () => void read().catch(() => {});
    const ends = [offline.onConflict(look), offline.onPending(look)];
    return () => {
      serial += 1;
      for (const end of ends) end();
    };
  });
  return useSyncExternalStore(store.subscribe, store.get, store.getOnServer);
}
