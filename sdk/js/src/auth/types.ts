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
