import { createClient } from "@basalt/client";
import { indexedDb } from "@basalt/client/offline";
import { mergeNotes } from "./merge";
import type { Schema } from "./model";

/** One for the whole app. */
export const client = createClient<Schema>({
  url: location.origin,
  persistence: indexedDb({ conflicts: { notes: mergeNotes }, onFailure: "keep" }),
});

export const notes = client.collection("notes");
