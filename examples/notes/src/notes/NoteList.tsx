import type { LocalMark } from "@basalt/client";
import { itemsOf, type NoteDocument } from "../model";
import { Marked } from "./Marked";

interface NoteListProps {
  notes: NoteDocument[];
  highlights: ReadonlyMap<string, string>;
  meta: ReadonlyMap<string, LocalMark>;
  userId: string;
  openId: string | null;
  onOpen: (id: string) => void;
  empty: string;
}

export function NoteList({ notes, highlights, meta, userId, openId, onOpen, empty }: NoteListProps) {
  return (
    <nav className="list" aria-label="Notes">
      {notes.length === 0 && <p className="quiet center">{empty}</p>}
      <ul>
        {notes.map((note) => (
          <li key={note.id}>
            <button
              type="button"
              className="card"
              aria-current={note.id === openId ? "true" : undefined}
              onClick={() => onOpen(note.id)}
            >
              <span className="card-title">{note.title || "Untitled"}</span>
              <span className="card-text">
                <Marked html={highlights.get(note.id)} text={preview(note)} />
              </span>
              <span className="card-foot">
                <time dateTime={note.updatedAt}>{when(note.updatedAt)}</time>
                {note.owner !== userId && <span className="tag">shared with you</span>}
                {note.owner === userId && note.members.length > 0 && (
                  <span className="tag">shared with {note.members.length}</span>
                )}
                <Mark mark={meta.get(note.id)} />
              </span>
            </button>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** What of a note hasn't reached the server. */
export function Mark({ mark }: { mark: LocalMark | undefined }) {
  if (mark?.failed) return <span className="tag failed">not saved</span>;
  if (mark?.pending) return <span className="tag pending">waiting to be sent</span>;
  return null;
}

function preview(note: NoteDocument): string {
  const items = itemsOf(note).map(([, { text, done }]) => `${done ? "☑" : "☐"} ${text}`);
  return [note.body.trim(), ...items].filter(Boolean).join(" · ").slice(0, 160) || "Empty";
}

const TIME = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

function when(time: string): string {
  const date = new Date(time);
  return date.toDateString() === new Date().toDateString() ? TIME.format(date) : DAY.format(date);
}
