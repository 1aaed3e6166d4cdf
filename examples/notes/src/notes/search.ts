import { useEffect, useState } from "react";
import { notes } from "../client";
import type { NoteDocument } from "../model";

export interface Found {
  notes: NoteDocument[];
  /** By id: pieces of text with `<mark>` around what was found, everything else escaped. */
  highlights: ReadonlyMap<string, string>;
}

interface Answer extends Found {
  words: string;
}

const NO_HIGHLIGHTS: ReadonlyMap<string, string> = new Map();

/** Asks the server's full-text search; until it answers, and without a network, the notes at hand are looked through. */
export function useSearch(words: string, all: NoteDocument[]): Found {
  const wanted = words.trim();
  const [answer, setAnswer] = useState<Answer | null>(null);
  useEffect(() => {
    if (wanted === "") return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      ask(wanted, abort.signal).then(setAnswer, () => setAnswer(null));
    }, 150);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [wanted]);
  if (wanted === "") return { notes: all, highlights: NO_HIGHLIGHTS };
  if (answer?.words !== wanted) return { notes: all.filter((note) => has(note, wanted)), highlights: NO_HIGHLIGHTS };
  // What is shown stays live: of the answer only the order and the highlights count.
  const live = new Map(all.map((note) => [note.id, note]));
  return { notes: answer.notes.map((note) => live.get(note.id) ?? note), highlights: answer.highlights };
}

async function ask(words: string, signal: AbortSignal): Promise<Answer> {
  const { items } = await notes.search(words).limit(50).list({ signal });
  const highlights = items.map(({ id, highlight = {} }): [string, string] => {
    return [id, highlight.body ?? highlight.words ?? highlight.title ?? ""];
  });
  return { words, notes: items, highlights: new Map(highlights) };
}

function has({ title, body, words = "" }: NoteDocument, wanted: string): boolean {
  const text = `${title}\n${body}\n${words}`.toLowerCase();
  return wanted
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
