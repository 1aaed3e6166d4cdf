/** Files in components: their metadata, live, and what is shown of them. */
import type { FileFields, FileMetadata, FileQuery, ImageOptions } from "@basalt/client/files";
import { useSyncExternalStore } from "react";
import { useBasalt } from "./context.js";
import { type LiveSource, type QueryState, type UseLiveOptions, useQuery } from "./live.js";
import { asError } from "./mutation.js";
import { storeOf } from "./store.js";

/** A bucket of `client.files`, as far as it is used here. */
export interface FilesPlace<D> {
  query(query?: FileQuery): { orderBy(field: "path"): LiveSource<FileFields<D>> };
  at(path: string): LiveSource<FileFields<D>>;
}

export interface FilesState<D> extends Omit<QueryState<FileFields<D>>, "documents" | "meta"> {
  /** By path. Empty while loading. */
  files: FileMetadata<D>[];
}

export interface FileState<D> extends Omit<FilesState<D>, "files"> {
  /** `null` while loading, or where there is none. */
  file: FileMetadata<D> | null;
}

/** The metadata of a bucket's files, live: `useFiles(images, { prefix: "2026/" })`. `null` asks nothing. */
export function useFiles<D>(
  bucket: FilesPlace<D>,
  query: FileQuery | null = {},
  options: UseLiveOptions = {},
): FilesState<D> {
  const { documents, meta: _, ...state } = useQuery(query && bucket.query(query).orderBy("path"), options);
  return { ...state, files: documents };
}

/** The metadata of one file, live. A `null` path asks nothing. */
export function useFile<D>(bucket: FilesPlace<D>, path: string | null, options: UseLiveOptions = {}): FileState<D> {
  const { documents, meta: _, ...state } = useQuery(path === null ? null : bucket.at(path), options);
  return { ...state, file: documents[0] ?? null };
}

/** A bucket of `client.files`, as far as it is used here. */
export interface DownloadPlace {
  readonly name: string;
  download(
    path: string,
    options: { image?: ImageOptions; signal: AbortSignal },
  ): Promise<{ blob(): Promise<Blob>; contentType: string }>;
}

export interface FileUrlState {
  /** For `src`, as long as the component is mounted; null while loading, or where there is an error. */
  url: string | null;
  error: Error | null;
}

export interface FileUrlOptions {
  image?: ImageOptions;
  /** The file's `sha256`: when it changes the new bytes are got. */
  version?: string;
}

const LOADING: FileUrlState = { url: null, error: null };
/** What a browser only shows. Anything else could run in the app's name when somebody opens its URL. */
const SHOWN = /^(image\/(avif|bmp|gif|jpeg|png|webp)|audio\/|video\/)/;

/**
 * A file of a private bucket for `<img src>`: got with the user's token, held in memory once for all components that show
 * it. A `null` path asks nothing.
 */
export function useFileUrl(bucket: DownloadPlace, path: string | null, options: FileUrlOptions = {}): FileUrlState {
  const client = useBasalt();
  const { image, version } = options;
  const key = `url ${JSON.stringify([bucket.name, path, image, version])}`;
  const store = storeOf<FileUrlState>(client, key, LOADING, (set) => {
    if (path === null) return () => {};
    const ended = new AbortController();
    let url: string | null = null;
    let failed = false;
    const load = async () => {
      failed = false;
      const answer = await bucket.download(path, { ...(image && { image }), signal: ended.signal });
      const blob = await answer.blob();
      if (ended.signal.aborted) return;
      url = URL.createObjectURL(SHOWN.test(answer.contentType) ? blob : new Blob([blob]));
      set({ url, error: null });
    };
    const attempt = () => {
      load().catch((error) => {
        failed = true;
        if (!ended.signal.aborted) set({ url: null, error: asError(error) });
      });
    };
    attempt();
    // The network is back, or somebody else is signed in.
    const stop = client.realtime.onState((state) => {
      if (state === "live" && failed) attempt();
    });
    return () => {
      stop();
      ended.abort();
      if (url !== null) URL.revokeObjectURL(url);
    };
  });
  return useSyncExternalStore(store.subscribe, store.get, store.getOnServer);
}
