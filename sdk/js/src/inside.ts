/** What a client is made of, for rooms that are entries of their own: an app that has no files loads nothing of them. */
import type { DocumentContext } from "./documents/context.js";
import { badArgument } from "./errors.js";
import type { KeyValueStorage } from "./storage/storage.js";
import type { Fetch } from "./transport/types.js";

export interface Inside extends DocumentContext {
  /** For what has to outlive the page. */
  storage: KeyValueStorage;
  storageKey: string;
  /** Milliseconds for one attempt of a call. */
  timeout: number;
  /** What the transport goes out by. */
  fetch: Fetch;
  /** The app brought a `fetch` of its own, which then is the only way out. */
  hasOwnFetch: boolean;
  /** Who is signed in; asks no server. */
  userId(): Promise<string | null>;
}

// Known by its name: the client may come from the ES modules and the room from the CommonJS ones.
const INSIDE = Symbol.for("basalt.inside");

export function withInside<C extends object>(client: C, inside: Inside): C {
  return Object.defineProperty(client, INSIDE, { value: inside });
}

export function insideOf(client: object): Inside {
  const inside = (client as { [INSIDE]?: Inside })[INSIDE];
  if (!inside) throw badArgument("This is no client of createClient or createAdmin.");
  return inside;
}
