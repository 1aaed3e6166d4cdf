import type { TokenSource } from "../auth/types.js";
import type { Document, Json, SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";

export type LiveState = "connecting" | "live" | "offline";

export interface LiveChange {
  op: "added" | "modified" | "removed";
  /** A removed one carries its `id` alone. */
  doc: { id: string } & Record<string, Json>;
  /** The place in the sorted result after this change; for `removed` the old one. */
  index: number;
}

export interface LiveHandlers {
  snapshot(docs: Document[], seq: string): void;
  /** Those of one commit together. */
  changes(changes: LiveChange[], seq: string): void;
  error(error: BasaltError): void;
  state?(state: LiveState): void;
}

export interface PresenceEntry {
  key: string;
  userId: string | null;
  data: Json;
  since: string;
}

export interface ChannelMessage {
  event: string;
  data: Json;
  userId: string | null;
  id: string;
  at: string;
}

export interface ChannelOptions {
  /** What the others see of this connection. */
  presence?: Json;
}

export interface Channel {
  readonly name: string;
  /** Gives the function that ends the listening. */
  onMessage(listener: (message: ChannelMessage) => void): () => void;
  /** Called with everybody who is here, at first and after each change. */
  onPresence(listener: (state: PresenceEntry[]) => void): () => void;
  onError(listener: (error: BasaltError) => void): () => void;
  publish(event: string, data: Json): Promise<void>;
  track(presence: Json): Promise<void>;
  leave(): void;
}

export interface Realtime {
  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void;
  channel(name: string, options?: ChannelOptions): Channel;
  close(): void;
  readonly state: LiveState;
}

/** The part of the browser's `WebSocket` that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  onopen: ((event: unknown) => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number; reason: string }) => void) | null;
  onerror: ((event: unknown) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

export type WebSocketConstructor = new (url: string, protocols?: string | string[]) => WebSocketLike;

/** What `createRealtime(options)` of `realtime/index.ts` is given. */
export interface RealtimeOptions {
  transport: Transport;
  tokens: TokenSource;
  url: string;
  clock: Clock;
  /** Without one the SSE stream over `fetch` is used. */
  WebSocket?: WebSocketConstructor | undefined;
}
