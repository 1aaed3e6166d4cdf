/** Live results in components. */
import type { BasaltError, Document, LiveDocument, LiveResult, LiveState } from "@basalt/client";
import { useSyncExternalStore } from "react";
import { useBasalt } from "./context.js";
import { type Store, storeOf } from "./store.js";

/** A query of `client.collection(…)`, as far as it is used here. */
export interface LiveSource<T> {
  spec(): object;
  subscribe(callback: (result: LiveResult<T>) => void, onError?: (error: BasaltError) => void): () => void;
}

/** A collection of the client, as far as it is used here. */
export interface DocumentPlace<T> {
  readonly name: string;
  doc(id: string): {
    subscribe(callback: (result: LiveDocument<T>) => void, onError?: (error: BasaltError) => void): () => void;
  };
}

export interface UseLiveOptions {
  /** Waits in the next `<Suspense>` for the first result, and throws errors to the next error boundary. */
  suspense?: boolean;
}

export interface QueryState<T> {
  /** Empty while loading. The same array, with the same documents, until something changes in them. */
  documents: Document<T>[];
  /** There is no result yet, and no error. */
  loading: boolean;
  /** Set until a result comes (again). */
  error: BasaltError | null;
  /** `live`: as the server has it now. */
  state: LiveState;
  /** From this device's cache alone. */
  fromCache: boolean;
  /** Pending and failed writes, by document id. */
  meta: LiveResult<T>["meta"];
}

export interface DocumentState<T> extends Omit<QueryState<T>, "documents" | "meta"> {
  /** `null` while loading, or where there is none. */
  document: Document<T> | null;
  mark: LiveDocument<T>["mark"];
}

interface Common {
  loading: boolean;
  error: BasaltError | null;
  state: LiveState;
  fromCache: boolean;
}

const LOADING = { loading: true, error: null, state: "connecting", fromCache: false } as const;
const QUERY: QueryState<never> = { ...LOADING, documents: [], meta: new Map() };
const DOCUMENT: DocumentState<never> = { ...LOADING, document: null, mark: null };

/**
 * The result of a query, live. The query may be made anew in each render: what it asks for counts. `null` asks nothing
 * (something that it needs isn't known yet).
 */
export function useQuery<T>(query: LiveSource<T> | null, options: UseLiveOptions = {}): QueryState<T> {
  const client = useBasalt();
  const key = query && `query ${JSON.stringify(query.spec())}`;
  const store =
    query &&
    storeOf<QueryState<T>>(client, key ?? "", QUERY, (set) =>
      query.subscribe(
        ({ documents, state, fromCache, meta }) =>
          set({ documents, state, fromCache, meta, loading: false, error: null }),
        (error) => set((before) => ({ ...before, loading: false, error })),
      ),
    );
  return useLive<QueryState<T>>(store, QUERY, options);
}

/** One document, live: `useDocument(client.collection("notes"), id)`. A `null` id asks nothing. */
export function useDocument<T>(
  collection: DocumentPlace<T>,
  id: string | null,
  options: UseLiveOptions = {},
): DocumentState<T> {
  const client = useBasalt();
  const store =
    id === null
      ? null
      : storeOf<DocumentState<T>>(client, `document ${collection.name} ${id}`, DOCUMENT, (set) =>
          collection.doc(id).subscribe(
            ({ document, state, fromCache, mark }) =>
              set({ document, state, fromCache, mark, loading: false, error: null }),
            (error) => set((before) => ({ ...before, loading: false, error })),
          ),
        );
  return useLive<DocumentState<T>>(store, DOCUMENT, options);
}

function useLive<S extends Common>(store: Store<S> | null, none: S, { suspense = false }: UseLiveOptions): S {
  const state = useSyncExternalStore(
    store?.subscribe ?? never,
    store?.get ?? (() => none),
    store?.getOnServer ?? (() => none),
  );
  // On a server there is nothing that a result could come from: it is shown loading, and the browser goes on.
  if (suspense && store !== null && typeof window !== "undefined") {
    if (state.loading) throw store.next();
    if (state.error !== null) throw state.error;
  }
  return state;
}

/** Nothing changes, ever. */
const never = () => () => {};
