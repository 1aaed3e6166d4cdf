/** What a note is. */
import type { Document } from "@basalt/client";
import type { FileFields } from "@basalt/client/files";

export interface Item {
  text: string;
  done: boolean;
  /** Its place: items are shown by it. */
  at: number;
}

export interface Note {
  owner: string;
  title: string;
  body: string;
  /** By id: two devices that tick different items change different fields. */
  items: Record<string, Item>;
  /** The items' texts once more, for the search. */
  words?: string;
  /** Ids of files in the bucket `images`. */
  images?: string[];
  /** Ids of users who may read and write it. */
  members: string[];
}

export type NoteDocument = Document<Note>;

/** The app's own fields of a picture: the note that it is in, whose people may see it. */
export interface PictureData {
  note: string;
}

export interface Schema {
  notes: Note;
  files: FileFields<PictureData>;
  users: { username?: string };
}

export const itemsOf = (note: Note): [id: string, item: Item][] =>
  Object.entries(note.items).sort(([a, { at: first }], [b, { at: second }]) => first - second || (a < b ? -1 : 1));

export const wordsOf = (items: Record<string, Item>): string =>
  Object.values(items)
    .map(({ text }) => text)
    .join("\n");
