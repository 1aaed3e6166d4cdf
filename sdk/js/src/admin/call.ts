import type { CallOptions } from "../documents/types.js";
import type { ApiRequest, Method, Transport } from "../transport/types.js";

type More = Pick<ApiRequest, "query" | "body" | "headers">;

/** One call of the admin API; its body. */
export async function call<T>(
  transport: Transport,
  method: Method,
  path: string,
  more: More = {},
  options?: CallOptions,
): Promise<T> {
  return (await transport.request<T>({ ...options, ...more, method, path })).data;
}

/** The items of a list that has one page. */
export async function items<T>(transport: Transport, path: string, options?: CallOptions): Promise<T[]> {
  return (await call<{ items: T[] }>(transport, "GET", path, {}, options)).items;
}
