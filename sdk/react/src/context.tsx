/** The client, for all that is below. */
import type { Client } from "@basalt/client";
import { createContext, type ReactNode, useContext } from "react";

const ClientContext = createContext<AnyClient | null>(null);

/** A client of whatever schema: hooks that take queries are typed by these. */
export type AnyClient = Pick<Client, "auth" | "offline" | "realtime" | "url">;

export interface BasaltProviderProps {
  /** Of `createClient`: one for the whole app, made outside of components. */
  client: AnyClient;
  children?: ReactNode;
}

export function BasaltProvider({ client, children }: BasaltProviderProps) {
  return <ClientContext.Provider value={client}>{children}</ClientContext.Provider>;
}

/** The client that the provider was given. `C` is the app's own type of it: `useBasalt<typeof client>()`. */
export function useBasalt<C extends AnyClient = Client>(): C {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("There is no <BasaltProvider> around this component.");
  return client as C;
}
