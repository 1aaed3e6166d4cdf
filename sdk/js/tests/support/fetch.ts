import type { Fetch } from "../../src/transport/types.js";

export interface Sent {
  method: string;
  url: string;
  path: string;
  headers: Record<string, string>;
  body: unknown;
  signal: AbortSignal;
}

export type Reply = Response | Error | "hang" | ((sent: Sent) => Response | Promise<Response>);

/** A `fetch` that gives these answers in turn, and remembers what was asked. */
export function fakeFetch(...replies: Reply[]): { fetch: Fetch; sent: Sent[] } {
  const sent: Sent[] = [];
  const fetch: Fetch = async (url, init = {}) => {
    const headers = Object.fromEntries(new Headers(init.headers).entries());
    const body =
      typeof init.body === "string" && /json/.test(headers["content-type"] ?? "") ? JSON.parse(init.body) : init.body;
    const path = url.replace(/^https?:\/\/[^/]+/, "");
    const request = { method: init.method ?? "GET", url, path, headers, body, signal: init.signal as AbortSignal };
    sent.push(request);
    const reply = replies[sent.length - 1];
    if (reply === undefined) throw new Error(`unexpected: ${request.method} ${path}`);
    if (reply === "hang") return new Promise<Response>(() => {});
    if (reply instanceof Error) throw reply;
    return typeof reply === "function" ? reply(request) : reply;
  };
  return { fetch, sent };
}

export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
}

export function problem(
  status: number,
  code: string,
  headers: Record<string, string> = {},
  more: object = {},
): Response {
  const body = { type: "about:blank", title: code, status, code, detail: `about ${code}`, requestId: "r1", ...more };
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/problem+json", ...headers },
  });
}

export const noContent = (): Response => new Response(null, { status: 204 });
