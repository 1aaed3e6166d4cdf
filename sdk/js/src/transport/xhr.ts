/**
 * Beside `fetch`, which tells nothing of how far a body has gone: the same over XMLHttpRequest, where there is one. It
 * is silence that ends a request here, not its length.
 */
import { BasaltError } from "../errors.js";
import type { Clock, Fetch } from "./types.js";

export interface Progress {
  clock: Clock;
  /** Milliseconds without a byte, or an answer, after which it is given up. */
  silence: number;
  /** Bytes of the body so far. */
  onSent: (bytes: number) => void;
}

/** Statuses whose answers have no body, as `Response` wants them. */
const NO_BODY = new Set([204, 205, 304]);

/** Null where there is no XMLHttpRequest: in Node, in service workers. */
export function progressFetch(progress: Progress): Fetch | null {
  if (typeof XMLHttpRequest !== "function") return null;
  return (url, init = {}) =>
    new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const quiet = watch(progress, () => {
        request.abort();
        reject(new BasaltError({ code: "timeout", message: `Nothing was sent for ${progress.silence} ms.` }));
      });
      const fail = (error: unknown) => {
        quiet.end();
        init.signal?.removeEventListener("abort", stop);
        reject(error);
      };
      const stop = () => {
        request.abort();
        fail(init.signal?.reason);
      };
      request.open(init.method ?? "GET", url);
      for (const [name, value] of new Headers(init.headers)) request.setRequestHeader(name, value);
      request.upload.onprogress = ({ loaded }) => {
        quiet.heard();
        progress.onSent(loaded);
      };
      request.onprogress = () => quiet.heard();
      request.onerror = () => fail(new TypeError("the connection broke off"));
      request.onload = () => {
        quiet.end();
        init.signal?.removeEventListener("abort", stop);
        resolve(responseOf(request));
      };
      if (init.signal?.aborted) return stop();
      init.signal?.addEventListener("abort", stop, { once: true });
      request.send((init.body ?? null) as XMLHttpRequestBodyInit | null);
    });
}

function responseOf(request: XMLHttpRequest): Response {
  const { status, responseText } = request;
  const lines = request.getAllResponseHeaders().trim().split(/\r?\n/);
  const headers = lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim()]);
  const named = headers.filter((header): header is [string, string] => header[0] !== "");
  return new Response(NO_BODY.has(status) ? null : responseText, { status, headers: named });
}

function watch({ clock, silence }: Progress, onSilence: () => void): { heard: () => void; end: () => void } {
  const ended = new AbortController();
  let last = clock.now();
  const look = async () => {
    for (let left = silence; left > 0; left = last + silence - clock.now()) await clock.sleep(left, ended.signal);
    onSilence();
  };
  if (silence > 0) look().catch(() => {});
  return {
    heard: () => {
      last = clock.now();
    },
    end: () => ended.abort(),
  };
}
