import { useEffect, useRef, useState } from "react";

const PAUSE = 300;

interface Draft {
  value: string;
  onChange: (event: { target: { value: string } }) => void;
  onFocus: () => void;
  onBlur: () => void;
}

/**
 * A field that is typed into. It shows what is stored, also when others change it, but not under the fingers of who
 * types; what he typed is saved when he pauses, and when he leaves.
 */
export function useDraft(stored: string, save: (value: string) => void): Draft {
  const [draft, setDraft] = useState<string | null>(null);
  const unsaved = useRef<string | null>(null);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const hasFocus = useRef(false);
  const latest = useRef(save);

  const flush = useRef(() => {
    clearTimeout(timer.current);
    const value = unsaved.current;
    unsaved.current = null;
    if (value !== null) latest.current(value);
  }).current;

  useEffect(() => {
    latest.current = save;
  });
  // What was typed has arrived, or nobody types any more: from here on it shows what is stored.
  useEffect(() => {
    if (unsaved.current === null && (!hasFocus.current || draft === stored)) setDraft(null);
  }, [stored, draft]);
  useEffect(() => flush, [flush]);

  return {
    value: draft ?? stored,
    onChange({ target }) {
      setDraft(target.value);
      unsaved.current = target.value;
      clearTimeout(timer.current);
      timer.current = setTimeout(flush, PAUSE);
    },
    onFocus() {
      hasFocus.current = true;
    },
    onBlur() {
      hasFocus.current = false;
      flush();
    },
  };
}
