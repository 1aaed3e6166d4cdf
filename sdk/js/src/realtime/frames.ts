/** The frames of docs/asyncapi.json, as far as this client sends and reads them. */
import type { Json } from "../documents/types.js";

export type FlatDocument = { id: string } & Record<string, Json>;

/** What a `subscribe` frame carries besides its type. */
export interface SubscribeFields {
  id: string;
  collection: string;
  document?: string;
  filter?: string;
  vars?: Record<string, Json>;
  sort?: string[];
  limit?: number;
  select?: string[];
  expand?: string[];
  since?: string;
}

export interface JoinFields {
  id: string;
  channel: string;
  presence?: { [key: string]: Json };
}

export type ClientFrame =
  | { type: "auth"; id: string; token: string }
  | ({ type: "subscribe" } & SubscribeFields)
  | { type: "unsubscribe"; id: string }
  | { type: "ping" }
  | ({ type: "join" } & JoinFields)
  | { type: "leave"; id: string; channel: string }
  | { type: "track"; id: string; channel: string; presence: { [key: string]: Json } | null }
  | { type: "publish"; id: string; channel: string; event: string; data?: Json };

export interface ChangeFrame {
  type: "change";
  id: string;
  seq: string;
  op: "added" | "modified" | "removed";
  doc: FlatDocument;
  index?: number;
  more?: boolean;
}

export interface MemberFields {
  key: string;
  userId: string | null;
  data?: { [key: string]: Json };
  since?: string;
}

export interface PresenceFrame {
  type: "presence";
  channel: string;
  state?: MemberFields[];
  count?: number;
  joined?: MemberFields[];
  left?: MemberFields[];
  updated?: MemberFields[];
}

export interface MessageFrame {
  type: "message";
  channel: string;
  event: string;
  data: Json;
  userId: string | null;
  id: string;
  at: string;
}

export interface ErrorFrame {
  type: "error";
  id?: string | null;
  channel?: string;
  code: string;
  message: string;
  errors?: { path?: string; code?: string; message?: string; [key: string]: unknown }[];
  retryAfterMs?: number;
}

export type ServerFrame =
  | { type: "snapshot"; id: string; seq: string; docs: FlatDocument[] }
  | ChangeFrame
  | PresenceFrame
  | MessageFrame
  | { type: "ok"; id?: string; key?: string }
  | ErrorFrame
  | { type: "pong"; id?: string }
  | { type: "resync"; id?: string; channel?: string }
  | { type: "auth_expired" }
  | { type: "goodbye"; retryAfterMs: number };

const KNOWN: ReadonlySet<string> = new Set([
  "snapshot",
  "change",
  "presence",
  "message",
  "ok",
  "error",
  "pong",
  "resync",
  "auth_expired",
  "goodbye",
] satisfies ServerFrame["type"][]);

/** A frame of the server; `null` for what a later server may send and this client doesn't know. */
export function parseFrame(text: string): ServerFrame | null {
  let frame: unknown;
  try {
    frame = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof frame !== "object" || frame === null) return null;
  const { type } = frame as { type?: unknown };
  return typeof type === "string" && KNOWN.has(type) ? (frame as ServerFrame) : null;
}

/** Bytes that the server takes in one frame. */
export const MOST_FRAME_BYTES = 64 << 10;
