/** What a note is. */
import type { Document } from "@basalt/client";

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
  /** Ids of users who may read and write it. */
  members: string[];
}

export type NoteDocument = Document<Note>;

export interface Schema {
  notes: Note;
  users: { username?: string };
}

export const itemsOf = (note: Note): [id: string, item: Item][] =>
  Object.entries(note.items).sort(([a, { at: first }], [b, { at: second }]) => first - second || (a < b ? -1 : 1));

export const wordsOf = (items: Record<string, Item>): string =>
  Object.values(items)
    .map(({ text }) => text)
    .join("\n");
