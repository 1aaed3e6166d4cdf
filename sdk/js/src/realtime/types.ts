import type { TokenSource } from "../auth/types.js";
import type { Document, Json, SubscribeSpec } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import type { Clock, Transport } from "../transport/types.js";
import type { Surroundings } from "./timing.js";

/** `connecting`: on the way, or back; `offline`: a try failed, others follow by themselves. */
export type LiveState = "connecting" | "live" | "offline";

/** `idle`: nothing is wanted of the connection, so there is none. */
export type ConnectionState = LiveState | "idle";

export interface LiveChange {
  op: "added" | "modified" | "removed";
  /** A removed one carries its `id` alone. */
  doc: { id: string } & Record<string, Json>;
  /** The place in the sorted result after this change; for `removed` the old one. */
  index: number;
}

/** What a device knows of a document beyond what the server does. */
export interface LocalMark {
  /** It has writes that the server doesn't have yet. */
  pending: boolean;
  /** A write of it was refused, or is in conflict. */
  failed?: BasaltError;
}

/** Comes with results that a cache had a hand in. */
export interface LocalInfo {
  /** Nothing of it was confirmed by the server since this client began. */
  fromCache: boolean;
  /** By id, of those documents that there is something to say of. */
  meta: ReadonlyMap<string, LocalMark>;
}

export interface LiveHandlers {
  /** The whole result: at first, and whenever it can't be told by changes. */
  snapshot(docs: Document[], seq: string, local?: LocalInfo): void;
  /** Those of one commit together. */
  changes(changes: LiveChange[], seq: string, local?: LocalInfo): void;
  /** The server refuses the query; it is asked again when another user signs in, so a snapshot may follow. */
  error(error: BasaltError): void;
  state?(state: LiveState): void;
}

/** One who is shown in a channel. */
export interface PresenceEntry {
  key: string;
  userId: string | null;
  data: { [key: string]: Json };
  since: string;
}

export interface PresenceChange {
  joined: PresenceEntry[];
  left: PresenceEntry[];
  updated: PresenceEntry[];
}

export interface ChannelMessage {
  event: string;
  data: Json;
  userId: string | null;
  id: string;
  at: string;
}

export interface ChannelOptions {
  /** What the others see of this connection, up to 4 KiB; without it one only listens. */
  presence?: { [key: string]: Json };
}

/** Being in a channel, from `channel()` until `leave()`, through lost connections. */
export interface Channel {
  readonly name: string;
  /** Under which this connection is shown, if it is. */
  readonly key: string | null;
  /** Who is shown here, by key. */
  readonly members: ReadonlyMap<string, PresenceEntry>;
  /** Resolves when the server let this connection in, rejects when it doesn't. */
  joined(): Promise<void>;
  /** Messages of others; with an event's name only those. Gives the function that ends the listening. */
  onMessage(listener: (message: ChannelMessage) => void): () => void;
  onMessage(event: string, listener: (message: ChannelMessage) => void): () => void;
  /** Called with everybody who is shown, at first and after each change. */
  onPresence(listener: (members: PresenceEntry[], change: PresenceChange) => void): () => void;
  /** Refused, or sent out. */
  onError(listener: (error: BasaltError) => void): () => void;
  /** Says something to all others; resolves when the server took it. */
  publish(event: string, data?: Json): Promise<void>;
  /** Changes what the others see; `null`: they see this connection no longer. */
  track(presence: { [key: string]: Json } | null): Promise<void>;
  leave(): void;
}

export interface Realtime {
  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void;
  /** Comes into a channel; the same name twice is one membership. */
  channel(name: string, options?: ChannelOptions): Channel;
  /** Ends everything for good. */
  close(): void;
  readonly state: ConnectionState;
  /** Gives the function that ends the listening. */
  onState(listener: (state: ConnectionState) => void): () => void;
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
  /** When to try at once; by default the page's `online` and `visibilitychange`. */
  surroundings?: Surroundings | undefined;
}
