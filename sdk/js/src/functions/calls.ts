/** Calling functions. */
import { badArgument } from "../errors.js";
import type { Inside } from "../inside.js";
import type { ApiRequest, Fetch, Method } from "../transport/types.js";
import { segment } from "../transport/url.js";
import type { FunctionCalls, FunctionRoom, HttpInit, InvokeOptions } from "./types.js";

const NAME = /^[A-Za-z_$][\w$-]{0,62}$/;
/** What is asked of every object, by `await` and by consoles, and is no function of an app. */
const NOT_A_FUNCTION = new Set(["then", "toJSON", "constructor", "prototype", "$$typeof"]);

export function functionPath(name: string): string {
  if (typeof name !== "string" || !NAME.test(name)) throw badArgument(`${JSON.stringify(name)} is no function's name.`);
  return `/v1/functions/${segment(name)}`;
}

type Call = (name: string, input?: unknown, options?: InvokeOptions) => Promise<unknown>;

export function functionCalls<F>(inside: Inside): FunctionCalls<F> {
  const invoke: Call = async (name, input, options) => {
    return (await inside.transport.request<unknown>(requestOf(name, input, options))).data;
  };
  const start: Call = async (name, input, options) => {
    const request = { ...requestOf(name, input, options), headers: { prefer: "respond-async" } };
    return (await inside.transport.request<{ id: string }>(request)).data;
  };
  const room = { invoke, start, http: (...call: Parameters<FunctionRoom<F>["http"]>) => http(inside, ...call) };
  // A function's own name is as good as `invoke`'s first argument.
  return new Proxy(room, {
    get: (target, name) => {
      if (typeof name !== "string" || NOT_A_FUNCTION.has(name)) return undefined;
      if (Object.hasOwn(target, name)) return target[name as keyof typeof target];
      return (input?: unknown, options?: InvokeOptions) => invoke(name, input, options);
    },
  }) as unknown as FunctionCalls<F>;
}

function requestOf(name: string, input: unknown, { alias, ...options }: InvokeOptions = {}): ApiRequest {
  // Nothing is null on the wire.
  const body = input === undefined ? null : input;
  return { ...options, method: "POST", path: functionPath(name), query: { alias }, body };
}

async function http(inside: Inside, name: string, path = "", init: HttpInit = {}): Promise<Response> {
  const { method = "GET", headers, body, ...options } = init;
  const tail = path === "" || path.startsWith("/") ? path : `/${path}`;
  let own: Response | null = null;
  // What the function answered is its caller's to judge; what the server refused before it ran is an error.
  const fetch: Fetch = async (url, sent) => {
    const response = await inside.fetch(url, sent);
    if (response.ok || !response.headers.has("basalt-invocation")) return response;
    own = response;
    return new Response(null);
  };
  const response = await inside.transport.response({
    ...options,
    method: method.toUpperCase() as Method,
    path: `${functionPath(name)}${tail}`,
    headers: { ...typeFor(body, headers), ...headers },
    body,
    accept: "*/*",
    idempotencyKey: false,
    fetch,
  });
  return own ?? response;
}

/** Text and bytes go as they are only when they say what they are. */
function typeFor(body: unknown, headers: Record<string, string> = {}): Record<string, string> {
  const told = Object.keys(headers).some((name) => name.toLowerCase() === "content-type");
  if (told || body === undefined) return {};
  if (typeof body === "string") return { "content-type": "text/plain;charset=UTF-8" };
  const bytes = body instanceof Uint8Array || body instanceof ArrayBuffer;
  const stream = typeof ReadableStream !== "undefined" && body instanceof ReadableStream;
  const blob = typeof Blob !== "undefined" && body instanceof Blob;
  if (blob) return { "content-type": body.type || "application/octet-stream" };
  return bytes || stream ? { "content-type": "application/octet-stream" } : {};
}
