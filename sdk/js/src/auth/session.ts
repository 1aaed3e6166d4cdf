import type { components } from "../generated/openapi.js";
import type { User } from "./types.js";

export type WireSession = components["schemas"]["Session"];

export interface StoredSession {
  accessToken: string;
  refreshToken: string;
  /** Milliseconds since 1970, by this device's clock. */
  expiresAt: number;
  renewAt: number;
  user: User;
}

/** Renewed so long before the end, or a tenth of its life where that is shorter. */
const EARLY = 60_000;

export function sessionOf(wire: WireSession, user: User, now: number): StoredSession {
  const life = wire.expiresIn * 1000;
  return {
    accessToken: wire.accessToken,
    refreshToken: wire.refreshToken,
    expiresAt: now + life,
    renewAt: now + life - Math.min(EARLY, life / 10),
    user,
  };
}

/** Null for whatever is no session: another version's, or somebody else's value under the same key. */
export function parseSession(text: string | null): StoredSession | null {
  if (text === null) return null;
  try {
    const value = JSON.parse(text) as Partial<StoredSession> | null;
    const good =
      typeof value?.accessToken === "string" &&
      typeof value.refreshToken === "string" &&
      typeof value.expiresAt === "number" &&
      typeof value.renewAt === "number" &&
      typeof value.user?.id === "string";
    return good ? (value as StoredSession) : null;
  } catch {
    return null;
  }
}
