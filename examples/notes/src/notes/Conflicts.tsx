import type { Conflict, Resolution } from "@basalt/client";
import { useConflicts, useMutation } from "@basalt/react";
import { client } from "../client";
import { explain } from "../explain";
import type { Note } from "../model";

/** What was changed here and elsewhere, to different things: the user decides, one by one. */
export function Conflicts({ onOpen }: { onOpen: (id: string) => void }) {
  const [conflict] = useConflicts();
  const resolve = useMutation(async (resolution: Resolution) => {
    if (!conflict) return;
    await client.offline?.resolve(conflict.id, resolution);
    onOpen(conflict.documentId);
  });
  if (!conflict) return null;
  return (
    <section className="conflict" role="alert" aria-label="Conflict">
      <p>
        <strong>This note was changed here and elsewhere.</strong> Which one shall stay?
      </p>
      <div className="versions">
        <Version title="Yours" note={conflict.mine} conflict={conflict} onChoose={() => resolve.mutate("mine")} />
        <Version title="Theirs" note={conflict.theirs} conflict={conflict} onChoose={() => resolve.mutate("theirs")} />
      </div>
      {resolve.error && <p className="error">{explain(resolve.error)}</p>}
    </section>
  );
}

interface VersionProps {
  title: string;
  note: object | null;
  conflict: Conflict;
  onChoose: () => void;
}

function Version({ title, note, conflict, onChoose }: VersionProps) {
  const fields = note as Partial<Note> | null;
  return (
    <div className="version">
      <h2>{title}</h2>
      {fields === null ? (
        <p className="quiet">Deleted</p>
      ) : (
        <>
          {conflict.fields.includes("title") && <p className="version-title">{fields.title || "Untitled"}</p>}
          {conflict.fields.includes("body") && <p>{fields.body || "Empty"}</p>}
          {conflict.fields.includes("items") && <p>{fields.words}</p>}
        </>
      )}
      <button type="button" className="primary" onClick={onChoose}>
        Keep {title.toLowerCase()}
      </button>
    </div>
  );
}
