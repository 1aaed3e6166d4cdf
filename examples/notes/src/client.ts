import { createClient } from "@basalt/client";
import { withFiles } from "@basalt/client/files";
import { indexedDb } from "@basalt/client/offline";
import { mergeNotes } from "./merge";
import type { PictureData, Schema } from "./model";

/** One for the whole app. */
export const client = withFiles(
  createClient<Schema>({
    url: location.origin,
    persistence: indexedDb({ conflicts: { notes: mergeNotes }, onFailure: "keep" }),
  }),
);

export const notes = client.collection("notes");
export const images = client.files.bucket<PictureData>("images");
/** The pictures' metadata, which are documents like others. */
export const files = client.collection("files");
