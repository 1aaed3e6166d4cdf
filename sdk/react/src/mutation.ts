/** Writes, and what became of them. */
import type { BasaltError } from "@basalt/client";
import { isBasaltError } from "@basalt/client";
import { useCallback, useEffect, useRef, useState } from "react";

export interface MutationState<R> {
  /** Some call is under way. */
  pending: boolean;
  /** Of the last call that ended, unless it went well. */
  error: BasaltError | Error | null;
  /** Of the last call that went well. */
  data: R | null;
}

export interface Mutation<A extends unknown[], R> extends MutationState<R> {
  /** Calls it; failures are shown in `error`. */
  mutate: (...args: A) => void;
  /** Calls it; the promise is rejected with failures, too. */
  mutateAsync: (...args: A) => Promise<R>;
  /** Forgets error and data. */
  reset: () => void;
}

const NOTHING = { error: null, data: null };

/** `const save = useMutation((title: string) => notes.update(id, { title }))`; `save.mutate("New")`. */
export function useMutation<A extends unknown[], R>(call: (...args: A) => Promise<R>): Mutation<A, R> {
  const [underWay, setUnderWay] = useState(0);
  const [outcome, setOutcome] = useState<Omit<MutationState<R>, "pending">>(NOTHING);
  const latest = useRef(call);
  // Which call's outcome is shown: that of the last one that was made.
  const serial = useRef(0);
  useEffect(() => {
    latest.current = call;
  });
  const mutateAsync = useCallback(async (...args: A): Promise<R> => {
    const own = ++serial.current;
    setUnderWay((count) => count + 1);
    try {
      const data = await latest.current(...args);
      if (own === serial.current) setOutcome({ error: null, data });
      return data;
    } catch (error) {
      if (own === serial.current) setOutcome({ error: asError(error), data: null });
      throw error;
    } finally {
      setUnderWay((count) => count - 1);
    }
  }, []);
  const mutate = useCallback(
    (...args: A) => {
      // It is shown.
      mutateAsync(...args).catch(() => {});
    },
    [mutateAsync],
  );
  const reset = useCallback(() => {
    serial.current += 1;
    setOutcome(NOTHING);
  }, []);
  return { ...outcome, pending: underWay > 0, mutate, mutateAsync, reset };
}

export function asError(error: unknown): BasaltError | Error {
  return isBasaltError(error) || error instanceof Error ? error : new Error(String(error));
}
