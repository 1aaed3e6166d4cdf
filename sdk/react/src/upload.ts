/** Uploads, and how far they are. */
import type { BasaltError } from "@basalt/client";
import { isBasaltError } from "@basalt/client";
import type { FileMetadata, Upload, UploadOptions, UploadProgress, UploadSource } from "@basalt/client/files";
import { useCallback, useEffect, useRef, useState } from "react";
import { asError } from "./mutation.js";

/** A bucket of `client.files`, as far as it is used here. */
export interface UploadPlace<D> {
  upload(path: string, source: UploadSource, options?: UploadOptions<D>): Upload<D>;
}

export interface UploadState<D> {
  /** Bytes sent, bytes in all, and whether it waits or is paused; null before the first upload. */
  progress: UploadProgress | null;
  /** It isn't over: also while it is paused. */
  pending: boolean;
  /** Of the last upload, unless it went well or was given up. */
  error: BasaltError | Error | null;
  /** Of the last upload that went well. */
  file: FileMetadata<D> | null;
}

type Start<D, R> = (path: string, source: UploadSource, options?: UploadOptions<D>) => R;

export interface UseUpload<D> extends UploadState<D> {
  /** Begins an upload; failures are shown in `error`. */
  start: Start<D, void>;
  /** Begins an upload; the promise is rejected with failures, too. */
  startAsync: Start<D, Promise<FileMetadata<D>>>;
  pause: () => void;
  resume: () => void;
  /** Gives it up. */
  abort: () => void;
  /** Forgets progress, error and file. */
  reset: () => void;
}

const NOTHING = { progress: null, pending: false, error: null, file: null };

/**
 * `const picture = useUpload(client.files.bucket("images"))`; `picture.start(path, file)`. An upload goes on when the
 * component is gone. Of several the last one is shown.
 */
export function useUpload<D>(bucket: UploadPlace<D>): UseUpload<D> {
  const [state, setState] = useState<UploadState<D>>(NOTHING);
  const place = useRef(bucket);
  const current = useRef<Upload<D> | null>(null);
  useEffect(() => {
    place.current = bucket;
  });
  const startAsync = useCallback<Start<D, Promise<FileMetadata<D>>>>(async (path, source, options = {}) => {
    // What is shown is that of the upload that began last.
    const show = (change: Partial<UploadState<D>>) => {
      if (current.current === own) setState((before) => ({ ...before, ...change }));
    };
    let own: Upload<D> | null = null;
    try {
      const onProgress = (progress: UploadProgress) => {
        show({ progress });
        options.onProgress?.(progress);
      };
      own = place.current.upload(path, source, { ...options, onProgress });
      current.current = own;
      show({ ...NOTHING, progress: own.progress, pending: true });
      const file = await own;
      show({ pending: false, file });
      return file;
    } catch (error) {
      if (own === null) current.current = null;
      show({ pending: false, error: isBasaltError(error, "aborted") ? null : asError(error) });
      throw error;
    }
  }, []);
  const start = useCallback<Start<D, void>>(
    (path, source, options) => {
      // It is shown.
      startAsync(path, source, options).catch(() => {});
    },
    [startAsync],
  );
  const pause = useCallback(() => current.current?.pause(), []);
  const resume = useCallback(() => current.current?.resume(), []);
  const abort = useCallback(() => current.current?.abort(), []);
  const reset = useCallback(() => {
    current.current = null;
    setState(NOTHING);
  }, []);
  return { ...state, start, startAsync, pause, resume, abort, reset };
}
