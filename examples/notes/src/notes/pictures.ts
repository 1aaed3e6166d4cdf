/** What is done with the pictures of a note. They need the server, unlike the note itself. */
import { type Document, isBasaltError, remove, union } from "@basalt/client";
import type { FileFields, FileMetadata } from "@basalt/client/files";
import { client, files, images, notes } from "../client";
import type { NoteDocument, PictureData } from "../model";

export const TYPES = "image/png,image/jpeg,image/webp,image/gif";

/** The same file has the same path again, so that an upload that a reload interrupted is found. */
export function pathFor(noteId: string, file: File): string {
  const name = file.name.replace(/[^\p{L}\p{N}._-]+/gu, "_").slice(-80);
  return `${noteId}/${file.lastModified.toString(36)}-${file.size.toString(36)}-${name}`;
}

/** A note that was begun without a network is made known first: the rules of its pictures look at it. */
export async function addPicture(note: NoteDocument, upload: () => Promise<FileMetadata<PictureData>>): Promise<void> {
  await client.offline?.sync();
  const { id } = await upload();
  await notes.update(note.id, { images: union(id) });
}

export async function removePicture(note: NoteDocument, file: Document<FileFields<PictureData>>): Promise<void> {
  await images.delete(file.path).catch(unlessGone);
  await notes.update(note.id, { images: remove(file.id) });
}

export async function removePicturesOf(note: NoteDocument): Promise<void> {
  for (const id of note.images ?? []) {
    const file = await files.get(id).catch(unlessGone);
    if (file) await images.delete(file.path).catch(unlessGone);
  }
}

function unlessGone(error: unknown): null {
  if (isBasaltError(error) && error.status === 404) return null;
  throw error;
}
