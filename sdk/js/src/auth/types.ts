import type { Document, Json } from "../documents/types.js";

export type AuthEventName = "signed_in" | "signed_out" | "token_refreshed" | "session_ended";

/** `session_ended`: the server ended it (elsewhere, or by an operator); `signed_out`: this app did. */
export interface AuthEvent {
  type: AuthEventName;
  /** Of the user that is signed in after the event; null when nobody is. */
  userId: string | null;
}

/** Where the transport and the live connection get their token from. */
export interface TokenSource {
  /** The access token, renewed when it is about to expire; null for a visitor. */
  token(): Promise<string | null>;
  /** Who is signed in, as far as this device knows; asks no server. */
  userId(): Promise<string | null>;
  /** Forget this token: the server refused it. Gives another one, or null when there is none. */
  refused(token: string): Promise<string | null>;
  /** Gives the function that ends the listening. */
  onChange(listener: (event: AuthEvent) => void): () => void;
}

/** The server's fields of a user; they change through `auth` and the admin API only. */
export interface UserFields {
  email?: string | null;
  emailVerified?: boolean;
  phone?: string | null;
  phoneVerified?: boolean;
  username?: string | null;
  anonymous?: boolean;
  roles?: string[];
  claims?: Record<string, Json>;
  lastLoginAt?: string | null;
}

/** A user: the server's fields, and the app's own beside them. */
export type User<T = Record<string, Json>> = Document<T & UserFields>;

/** Who one is: at least one of the three. */
export interface Identity {
  email?: string;
  username?: string;
  phone?: string;
}

export type SignUp<T = Record<string, Json>> = Identity & {
  password: string;
  /** Fields of one's own for the user's document. */
  data?: Partial<T>;
};

export type LogIn = Identity & { password: string };

export interface SignedIn<T = Record<string, Json>> {
  user: User<T>;
  /** False while something has to be proven first (an e-mail address): there is no session yet. */
  signedIn: boolean;
}

export interface LogOut {
  /** Which sessions end; `current` where nothing is said. */
  scope?: "current" | "others" | "all";
  /** Throw away writes that have not reached the server; without it they are `pending_writes`. */
  discard?: boolean;
}

/** A device on which the user is signed in. */
export interface SessionInfo {
  id: string;
  method: string;
  ip?: string | null;
  agent?: string | null;
  createdAt: string;
  lastUsedAt: string;
  expiresAt: string;
  /** Whether it is the one that asks. */
  current: boolean;
}
