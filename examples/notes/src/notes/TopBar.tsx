import type { LiveState } from "@basalt/client";
import { useMutation, usePendingWrites } from "@basalt/react";
import { client } from "../client";

interface TopBarProps {
  state: LiveState;
  words: string;
  onWords: (words: string) => void;
  onNew: () => void;
}

export function TopBar({ state, words, onWords, onNew }: TopBarProps) {
  return (
    <header className="bar">
      <img src="/icon.svg" alt="" width="28" height="28" />
      <input
        type="search"
        className="search"
        placeholder="Search notes"
        aria-label="Search notes"
        value={words}
        onChange={({ target }) => onWords(target.value)}
      />
      <Status state={state} />
      <button type="button" className="primary" onClick={onNew}>
        <span aria-hidden="true">+</span>
        <span className="wide-only"> New note</span>
        <span className="narrow-only sr-only">New note</span>
      </button>
      <SignOut />
    </header>
  );
}

const STATUS = { live: "Live", saving: "Saving…", offline: "Offline", connecting: "Connecting…" };

function Status({ state }: { state: LiveState }) {
  const waiting = usePendingWrites().filter((write) => write.state === "queued").length;
  const name = state === "live" && waiting > 0 ? "saving" : state;
  return (
    <output className="status" data-state={name}>
      <i aria-hidden="true" /> <span className="status-word">{STATUS[name]}</span>
      {state === "offline" && waiting > 0 && <span className="wide-only">{waiting} to send</span>}
    </output>
  );
}

function SignOut() {
  const leave = useMutation((discard: boolean) => client.auth.logout({ discard }));
  const click = async () => {
    try {
      await leave.mutateAsync(false);
    } catch {
      if (confirm("Some of your changes haven't reached the server. Sign out and lose them?")) leave.mutate(true);
    }
  };
  return (
    <button type="button" className="plain" onClick={click} disabled={leave.pending}>
      Sign out
    </button>
  );
}
