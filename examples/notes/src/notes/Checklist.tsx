import { useMutation } from "@basalt/react";
import { type FormEvent, useRef, useState } from "react";
import { notes } from "../client";
import { explain } from "../explain";
import { type Item, itemsOf, type NoteDocument, wordsOf } from "../model";
import { useDraft } from "./draft";

type Change = Partial<Item> | null;

export function Checklist({ note }: { note: NoteDocument }) {
  const input = useRef<HTMLInputElement>(null);
  // Only the item that changes is written: others may change theirs at the same time.
  const change = useMutation((id: string, item: Change) => {
    const { [id]: former, ...others } = note.items;
    const words = wordsOf(
      item === null ? others : { ...others, [id]: { text: "", done: false, at: 0, ...former, ...item } },
    );
    return notes.update(note.id, { items: { [id]: item as Item | null }, words });
  });
  const items = itemsOf(note);
  const add = (event: FormEvent) => {
    event.preventDefault();
    const text = input.current?.value.trim();
    if (!text || !input.current) return;
    input.current.value = "";
    const at = (items.at(-1)?.[1].at ?? 0) + 1;
    change.mutate(crypto.randomUUID().slice(0, 8), { text, done: false, at });
  };
  return (
    <section className="checklist" aria-label="Checklist">
      {change.error && (
        <p className="error" role="alert">
          {explain(change.error)}
        </p>
      )}
      <ul>
        {items.map(([id, item]) => (
          <Row key={id} item={item} onChange={(next) => change.mutateAsync(id, next)} />
        ))}
      </ul>
      <form onSubmit={add} className="add-item">
        <input ref={input} aria-label="New item" placeholder="Add an item" maxLength={500} enterKeyHint="done" />
        <button type="submit" className="plain">
          Add
        </button>
      </form>
    </section>
  );
}

function Row({ item, onChange }: { item: Item; onChange: (change: Change) => Promise<unknown> }) {
  // The tick doesn't wait for the store.
  const [ticked, setTicked] = useState<boolean | null>(null);
  const tick = (done: boolean) => {
    setTicked(done);
    const rest = () => setTicked(null);
    onChange({ done }).then(rest, rest);
  };
  const text = useDraft(item.text, (value) => void onChange({ text: value }).catch(() => {}));
  return (
    <li className={item.done ? "done" : undefined}>
      <input
        type="checkbox"
        aria-label={`Done: ${item.text}`}
        checked={ticked ?? item.done}
        onChange={({ target }) => tick(target.checked)}
      />
      <input className="item-text" aria-label="Item" maxLength={500} {...text} />
      <button
        type="button"
        className="plain"
        aria-label={`Remove ${item.text}`}
        onClick={() => void onChange(null).catch(() => {})}
      >
        ✕
      </button>
    </li>
  );
}
