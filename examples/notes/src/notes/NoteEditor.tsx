import type { LocalMark } from "@basalt/client";
import { useMutation } from "@basalt/react";
import { notes } from "../client";
import { explain } from "../explain";
import type { Note, NoteDocument } from "../model";
import { Checklist } from "./Checklist";
import { useDraft } from "./draft";
import { FailedWrites } from "./FailedWrites";
import { Mark } from "./NoteList";
import { Pictures } from "./Pictures";
import { removePicturesOf } from "./pictures";
import { Sharing } from "./Sharing";

interface NoteEditorProps {
  note: NoteDocument;
  mark: LocalMark | undefined;
  userId: string;
  onClose: () => void;
}

export function NoteEditor({ note, mark, userId, onClose }: NoteEditorProps) {
  const save = useMutation((patch: Partial<Note>) => notes.update(note.id, patch));
  const remove = useMutation(async () => {
    // While the note is there to say who may.
    await removePicturesOf(note);
    await notes.delete(note.id);
    onClose();
  });
  const title = useDraft(note.title, (value) => save.mutate({ title: value }));
  const body = useDraft(note.body, (value) => save.mutate({ body: value }));
  const isOwner = note.owner === userId;
  const error = save.error ?? remove.error;
  return (
    <article className="note" aria-label={note.title || "Untitled"}>
      <div className="note-tools">
        <button type="button" className="plain narrow-only" onClick={onClose}>
          ← Notes
        </button>
        <Mark mark={mark} />
        <span className="grow" />
        {isOwner && (
          <button type="button" className="plain danger" onClick={() => remove.mutate()} disabled={remove.pending}>
            Delete
          </button>
        )}
      </div>
      {error && (
        <p className="error" role="alert">
          {explain(error)}
        </p>
      )}
      <FailedWrites noteId={note.id} />
      <input className="title" aria-label="Title" placeholder="Title" maxLength={200} {...title} />
      <textarea className="body" aria-label="Text" placeholder="Write something…" rows={6} {...body} />
      <Checklist note={note} />
      <Pictures note={note} />
      <Sharing note={note} isOwner={isOwner} />
    </article>
  );
}
