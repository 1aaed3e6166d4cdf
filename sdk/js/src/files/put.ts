/** An upload in one request. */
import { base64Text } from "./bytes.js";
import { encodePath } from "./paths.js";
import { bigBody, type Task, type Turn, type Way } from "./task.js";
import type { FileMetadata } from "./types.js";

export function simpleUpload<Data>(task: Task<Data>): Way<Data> {
  const { inside, bucket, path, options } = task;
  const headers: Record<string, string> = {};
  if (options.data !== undefined) headers["basalt-file-data"] = base64Text(JSON.stringify(options.data));
  if (options.ifNoneMatch !== undefined) headers["if-none-match"] = options.ifNoneMatch;
  if (options.ifMatch !== undefined) headers["if-match"] = `"${options.ifMatch}"`;
  const url = `/v1/buckets/${bucket}/files/${encodePath(path)}`;
  return {
    send: (turn) => put<Data>(inside.transport.request, { ...task, url, headers, anonymous: false }, turn),
    // The server keeps nothing of a request that breaks off.
    abandon: async () => {},
  };
}

/** With the permission that the URL itself is. */
export function signedUpload<Data>(task: Task<Data>, url: string): Way<Data> {
  return {
    send: (turn) => put<Data>(task.inside.transport.request, { ...task, url, headers: {}, anonymous: true }, turn),
    abandon: async () => {},
  };
}

type Put<Data> = Task<Data> & { url: string; headers: Record<string, string>; anonymous: boolean };

async function put<Data>(
  request: Task<Data>["inside"]["transport"]["request"],
  { inside, bytes, contentType, url, headers, anonymous }: Put<Data>,
  turn: Turn,
): Promise<FileMetadata<Data>> {
  turn.sent(0);
  const answer = await request<FileMetadata<Data>>({
    method: "PUT",
    path: url,
    headers: { "content-type": contentType, ...headers },
    body: bytes.whole,
    anonymous,
    idempotencyKey: false,
    signal: turn.signal,
    ...bigBody(inside, bytes.size, turn.sent),
  });
  turn.sent(bytes.size);
  return answer.data;
}
