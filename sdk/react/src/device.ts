/** What this device knows of its connection, and of writes that wait. */
import type { ConnectionState, PendingWrite } from "@basalt/client";
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
