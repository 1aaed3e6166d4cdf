import { useMutation, useQuery } from "@basalt/react";
import { type FormEvent, useRef } from "react";
import { client, notes } from "../client";
import { explain } from "../explain";
import type { NoteDocument } from "../model";

const users = client.collection("users");

export function Sharing({ note, isOwner }: { note: NoteDocument; isOwner: boolean }) {
  const input = useRef<HTMLInputElement>(null);
  const people = useQuery(users.where("id", "in", [note.owner, ...note.members]));
  const nameOf = (id: string) => people.documents.find((user) => user.id === id)?.username ?? "somebody";
  const share = useMutation(async (name: string) => {
    const user = await users.where("username", "==", name).first();
    if (!user) throw new Error(`There is nobody named ${name}.`);
    if (user.id === note.owner || note.members.includes(user.id)) return;
    await notes.update(note.id, { members: [...note.members, user.id] });
  });
  const unshare = useMutation((id: string) =>
    notes.update(note.id, { members: note.members.filter((member) => member !== id) }),
  );
  const submit = (event: FormEvent) => {
    event.preventDefault();
    const name = input.current?.value.trim();
    if (!name || !input.current) return;
    input.current.value = "";
    share.mutate(name);
  };
  if (!isOwner) return <p className="sharing quiet">{nameOf(note.owner)} shares this note with you.</p>;
  const error = share.error ?? unshare.error;
  return (
    <section className="sharing" aria-label="Sharing">
      <h2>Shared with</h2>
      <ul>
        {note.members.map((id) => (
          <li key={id} className="person">
            {nameOf(id)}
            <button
              type="button"
              className="plain"
              aria-label={`Stop sharing with ${nameOf(id)}`}
              onClick={() => unshare.mutate(id)}
            >
              ✕
            </button>
          </li>
        ))}
        {note.members.length === 0 && <li className="quiet">nobody</li>}
      </ul>
      <form onSubmit={submit}>
        <input
          ref={input}
          aria-label="Share with"
          placeholder="Name of a person"
          autoCapitalize="none"
          maxLength={64}
        />
        <button type="submit" className="plain" disabled={share.pending}>
          Share
        </button>
      </form>
      {error && (
        <p className="error" role="alert">
          {explain(error)}
        </p>
      )}
    </section>
  );
}
