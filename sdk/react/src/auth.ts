/** Who is signed in. */
import type { Client, User } from "@basalt/client";
import { useSyncExternalStore } from "react";
import { useBasalt } from "./context.js";
import { storeOf } from "./store.js";

export interface AuthState<T = Record<string, unknown>> {
  /** `loading` until the stored session was read: neither the app nor the sign-in form should be shown then. */
  status: "loading" | "signedIn" | "signedOut";
  user: User<T> | null;
}

const LOADING: AuthState<never> = { status: "loading", user: null };

/** The session, and `auth` to change it: `signUp`, `login`, `logout`, … */
export function useAuth<C extends Pick<Client, "auth"> = Client>(): AuthState & { auth: C["auth"] } {
  const client = useBasalt();
  const store = storeOf<AuthState>(client, "auth", LOADING, (set) => {
    let ended = false;
    const read = () => {
      if (ended) return;
      const { user } = client.auth;
      set(user === null ? { status: "signedOut", user } : { status: "signedIn", user });
    };
    const stop = client.auth.onChange(({ type }) => {
      if (type !== "token_refreshed") read();
    });
    // A storage that can't be read holds no session.
    client.auth.ready().then(read, read);
    return () => {
      ended = true;
      stop();
    };
  });
  const state = useSyncExternalStore(store.subscribe, store.get, store.getOnServer);
  return { ...state, auth: client.auth as C["auth"] };
}
