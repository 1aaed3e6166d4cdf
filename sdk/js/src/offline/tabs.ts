/** Tabs tell each other what they stored. Where there is no BroadcastChannel there is only one. */
import type { StoreChange } from "./types.js";

export interface Channel {
  send(changes: StoreChange[]): void;
  close(): void;
}

export function tabChannel(name: string, receive: (changes: StoreChange[]) => void): Channel | undefined {
  if (typeof BroadcastChannel === "undefined") return undefined;
  const channel = new BroadcastChannel(name);
  // In Node an open channel would keep the process alive.
  (channel as { unref?: () => void }).unref?.();
  channel.onmessage = (event: MessageEvent) => receive(event.data as StoreChange[]);
  return {
    send: (changes) => channel.postMessage(changes),
    close: () => channel.close(),
  };
}
