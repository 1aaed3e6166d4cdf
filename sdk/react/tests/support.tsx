import type {
  AuthEvent,
  BasaltError,
  Client,
  ConnectionState,
  Document,
  LiveDocument,
  LiveResult,
  PendingWrite,
} from "@basalt/client";
import { type RenderResult, render } from "@testing-library/react";
import { type ReactNode, StrictMode } from "react";
import { type AnyClient, BasaltProvider } from "../src/index.js";

export interface Note {
  title: string;
}

type Callback<R> = (result: R) => void;
type OnError = (error: BasaltError) => void;

/** A live query whose results the test tells. */
export class FakeQuery<R = LiveResult<Note>> {
  begun = 0;
  readonly #listeners = new Set<{ callback: Callback<R>; onError: OnError | undefined }>();

  constructor(private readonly question: object = { collection: "notes" }) {}

  /** Asks the same, as an app that makes its query in each render does. */
  again(): FakeQuery<R> {
    const copy = new FakeQuery<R>(structuredClone(this.question));
    copy.subscribe = (callback, onError) => this.subscribe(callback, onError);
    return copy;
  }

  get open(): number {
    return this.#listeners.size;
  }

  spec(): object {
    return this.question;
  }

  subscribe = (callback: Callback<R>, onError?: OnError): (() => void) => {
    this.begun += 1;
    const listener = { callback, onError };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  tell(result: R): void {
    for (const { callback } of this.#listeners) callback(result);
  }

  fail(error: BasaltError): void {
    for (const { onError } of this.#listeners) onError?.(error);
  }
}

export const note = (id: string, title = id): Document<Note> => ({
  id,
  title,
  rev: `${id}-${title}`,
  createdAt: "2026-11-22T08:00:00.000Z",
  updatedAt: "2026-11-22T08:00:00.000Z",
});

export function result(...documents: Document<Note>[]): LiveResult<Note> {
  return { documents, changes: [], state: "live", seq: "05", fromCache: false, meta: new Map() };
}

export function one(document: Document<Note> | null): LiveDocument<Note> {
  return { document, state: "live", seq: "05", fromCache: false, mark: null };
}

/** As much of a client as the hooks use. */
export function fakeClient() {
  const authListeners = new Set<(event: AuthEvent) => void>();
  const stateListeners = new Set<(state: ConnectionState) => void>();
  const pendingListeners = new Set<(writes: PendingWrite[]) => void>();
  let ready: (user: { id: string } | null) => void = () => {};
  const isReady = new Promise<{ id: string } | null>((resolve) => {
    ready = resolve;
  });
  const auth = {
    user: null as { id: string } | null,
    ready: () => isReady,
    onChange(listener: (event: AuthEvent) => void) {
      authListeners.add(listener);
      return () => authListeners.delete(listener);
    },
  };
  return {
    client: {
      url: "http://server.test",
      auth: auth as unknown as Client["auth"],
      realtime: {
        state: "idle",
        onState(listener: (state: ConnectionState) => void) {
          stateListeners.add(listener);
          return () => stateListeners.delete(listener);
        },
      } as unknown as Client["realtime"],
      offline: {
        onPending(listener: (writes: PendingWrite[]) => void) {
          pendingListeners.add(listener);
          return () => pendingListeners.delete(listener);
        },
      } as unknown as Client["offline"],
    } satisfies AnyClient as AnyClient,
    connection(state: ConnectionState) {
      for (const listener of stateListeners) listener(state);
    },
    ready(user: { id: string } | null) {
      auth.user = user;
      ready(user);
    },
    sign(type: AuthEvent["type"], user: { id: string } | null) {
      auth.user = user;
      for (const listener of authListeners) listener({ type, userId: user?.id ?? null });
    },
    queue(writes: PendingWrite[]) {
      for (const listener of pendingListeners) listener(writes);
    },
  };
}

export function show(client: AnyClient, children: ReactNode): RenderResult {
  return render(
    <StrictMode>
      <BasaltProvider client={client}>{children}</BasaltProvider>
    </StrictMode>,
  );
}
