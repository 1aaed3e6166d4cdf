import { isBasaltError } from "@basalt/client";
import { type UseUpload, useDocument, useFileUrl, useMutation, useUpload } from "@basalt/react";
import { type ChangeEvent, useEffect, useRef, useState } from "react";
import { files, images } from "../client";
import { explain } from "../explain";
import type { NoteDocument, PictureData } from "../model";
import { addPicture, pathFor, removePicture, TYPES } from "./pictures";

export function Pictures({ note }: { note: NoteDocument }) {
  const upload = useUpload(images);
  const add = useMutation((file: File) =>
    addPicture(note, () => upload.startAsync(pathFor(note.id, file), file, { data: { note: note.id } })),
  );
  const choose = ({ target }: ChangeEvent<HTMLInputElement>) => {
    const [file] = target.files ?? [];
    // So that the same one can be chosen again.
    target.value = "";
    if (file) add.mutate(file);
  };
  // One that was given up needs no word.
  const error = upload.error ?? (upload.progress === null ? add.error : null);
  return (
    <section className="pictures" aria-label="Pictures">
      <ul>
        {note.images?.map((id) => (
          <Picture key={id} note={note} id={id} />
        ))}
      </ul>
      {upload.pending && <Progress upload={upload} />}
      {error && (
        <p className="error" role="alert">
          {explain(error)}
        </p>
      )}
      <label className="attach plain">
        Add a picture
        <input type="file" className="sr-only" accept={TYPES} onChange={choose} disabled={add.pending} />
      </label>
    </section>
  );
}

function Progress({ upload }: { upload: UseUpload<PictureData> }) {
  const { sent = 0, total = 1, state = "uploading" } = upload.progress ?? {};
  const isPaused = state === "paused";
  return (
    <div className="upload">
      <progress aria-label="Upload" value={sent} max={total} />
      <span className="quiet">{state === "waiting" ? "Waiting for the network" : `${percent(sent, total)} %`}</span>
      <button type="button" className="plain" onClick={isPaused ? upload.resume : upload.pause}>
        {isPaused ? "Go on" : "Pause"}
      </button>
      <button type="button" className="plain danger" onClick={upload.abort}>
        Give up
      </button>
    </div>
  );
}

const percent = (sent: number, total: number): number => Math.floor((100 * sent) / Math.max(1, total));

function Picture({ note, id }: { note: NoteDocument; id: string }) {
  const [isOpen, setOpen] = useState(false);
  const { document: file, loading } = useDocument(files, id);
  const thumb = useFileUrl(images, file?.path ?? null, { image: { preset: "thumb" }, version: file?.sha256 });
  const drop = useMutation(removePicture);
  // Somebody else took it away.
  if (file === null && !loading) return null;
  const name = file?.path.split("-").slice(2).join("-") ?? "Picture";
  // Without a network there is no picture, and the page says "Offline" already.
  const error = drop.error ?? (isBasaltError(thumb.error, "network") ? null : thumb.error);
  return (
    <li className="picture">
      <button type="button" className="thumb" aria-label={`Show ${name}`} onClick={() => setOpen(true)}>
        {thumb.url && <img src={thumb.url} alt={name} />}
      </button>
      <button
        type="button"
        className="plain"
        aria-label={`Remove ${name}`}
        disabled={file === null || drop.pending}
        onClick={() => file && drop.mutate(note, file)}
      >
        ✕
      </button>
      {error && (
        <p className="error" role="alert">
          {explain(error)}
        </p>
      )}
      {isOpen && file && <Large path={file.path} version={file.sha256} name={name} onClose={() => setOpen(false)} />}
    </li>
  );
}

interface LargeProps {
  path: string;
  version: string;
  name: string;
  onClose: () => void;
}

function Large({ path, version, name, onClose }: LargeProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const { url, error } = useFileUrl(images, path, { image: { preset: "large" }, version });
  useEffect(() => {
    dialog.current?.showModal();
  }, []);
  return (
    <dialog ref={dialog} className="large" aria-label={name} onClose={onClose}>
      {url ? <img src={url} alt={name} /> : <p className="quiet">{error ? explain(error) : "Loading…"}</p>}
      <form method="dialog">
        <button type="submit" className="plain">
          Close
        </button>
      </form>
    </dialog>
  );
}
