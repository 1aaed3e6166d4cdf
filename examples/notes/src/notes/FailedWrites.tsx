import { useMutation, usePendingWrites } from "@basalt/react";
import { client } from "../client";
import { explain } from "../explain";

/** Writes that the server refused: they can be tried again, or given up. */
export function FailedWrites({ noteId }: { noteId: string }) {
  const failed = usePendingWrites().filter(({ state, documentId }) => state === "failed" && documentId === noteId);
  const act = useMutation(async (id: string, what: "retry" | "discard") => client.offline?.[what](id));
  return failed.map(({ id, error }) => (
    <div key={id} className="error" role="alert">
      <p>This change was not saved. {error && explain(error)}</p>
      <button type="button" className="plain" onClick={() => act.mutate(id, "retry")}>
        Try again
      </button>
      <button type="button" className="plain" onClick={() => act.mutate(id, "discard")}>
        Give it up
      </button>
    </div>
  ));
}
