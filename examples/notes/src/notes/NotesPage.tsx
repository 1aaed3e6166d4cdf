import { useQuery } from "@basalt/react";
import { useEffect, useState } from "react";
import { notes } from "../client";
import { Conflicts } from "./Conflicts";
import { NoteEditor } from "./NoteEditor";
import { NoteList } from "./NoteList";
import { useSearch } from "./search";
import { TopBar } from "./TopBar";

const newest = notes.orderBy("updatedAt", "desc");

export function NotesPage({ userId }: { userId: string }) {
  const { documents, loading, error, state, meta } = useQuery(newest);
  const [openId, setOpenId] = useOpenNote();
  const [words, setWords] = useState("");
  const found = useSearch(words, documents);
  const open = documents.find(({ id }) => id === openId);

  const create = async () => {
    setWords("");
    const { id } = await notes.create({ owner: userId, title: "", body: "", items: {}, members: [] });
    setOpenId(id);
  };

  return (
    <div className={open ? "app has-open" : "app"}>
      <TopBar state={state} words={words} onWords={setWords} onNew={create} />
      <Conflicts onOpen={setOpenId} />
      <NoteList
        notes={found.notes}
        highlights={found.highlights}
        meta={meta}
        userId={userId}
        openId={openId}
        onOpen={setOpenId}
        empty={error ? error.message : loading ? "Loading…" : words ? "Nothing found." : "No notes yet."}
      />
      <main className="desk">
        {open ? (
          <NoteEditor
            key={open.id}
            note={open}
            mark={meta.get(open.id)}
            userId={userId}
            onClose={() => setOpenId(null)}
          />
        ) : (
          <p className="quiet center">Choose a note, or begin a new one.</p>
        )}
      </main>
    </div>
  );
}

/** The open note is in the address, so that a reload, a link and the back button find it. */
function useOpenNote(): [string | null, (id: string | null) => void] {
  const read = () => location.hash.slice(1) || null;
  const [id, setId] = useState(read);
  useEffect(() => {
    const follow = () => setId(read());
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  return [
    id,
    (next) => {
      location.hash = next ?? "";
    },
  ];
}
