/** The tus client that everybody uses, and a server that is killed under it. */
import { createHash } from "node:crypto";
import { Upload, type UploadOptions } from "tus-js-client";
import { afterEach, describe, expect, it } from "vitest";
import { FileServer, s3 } from "./server.js";

const LONG = process.env.BASALT_TEST_LONG !== undefined;
const KILLS = LONG ? 20 : 5;
const SIZE = (LONG ? 96 : 16) * (1 << 20) + 12_345;
const PIECE = 1 << 20;

const APP = `
[buckets.docs]
maxSize = "1GB"
[buckets.docs.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
update = "auth.id == doc.owner"
delete = "auth.id == doc.owner"
`;

/** The same numbers in each run of `make test`, others in each long one. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function noise(next: () => number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(next() * 2 ** 32), at);
  bytes[0] = 0;
  return bytes;
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

let server: FileServer | undefined;

afterEach(async () => {
  await server?.close();
  server = undefined;
});

/** Uploads, and resolves with where the upload was; `onSent` hears how much went out. */
function upload(content: Buffer, options: Partial<UploadOptions>, onSent?: (sent: number) => void): Promise<Upload> {
  return new Promise((resolve, reject) => {
    const client = new Upload(content, {
      retryDelays: Array.from({ length: 200 }, () => 50),
      chunkSize: PIECE,
      onProgress: (sent) => onSent?.(sent),
      onError: reject,
      onSuccess: () => resolve(client),
      ...options,
    });
    client.start();
  });
}

async function survives(place: string | undefined): Promise<void> {
  const seed = LONG ? Date.now() >>> 0 : 5;
  const next = numbers(seed);
  server = await FileServer.open(APP, place);
  const stage = server;
  const headers = await stage.person("ann");
  const content = noise(next, SIZE);
  const offsets = Array.from({ length: KILLS }, () => Math.floor(next() * SIZE)).sort((a, b) => a - b);
  let [killed, busy] = [0, Promise.resolve()];
  const done = await upload(
    content,
    { endpoint: `${stage.url}/v1/buckets/docs/uploads`, headers, metadata: { path: "big/file.bin" } },
    (sent) => {
      const due = offsets[killed];
      if (due === undefined || sent < due) return;
      killed += 1;
      busy = busy.then(() => stage.kill()).then(() => stage.start());
    },
  );
  await busy;
  expect(killed, `seed ${seed}`).toBe(KILLS);
  expect(done.url).toContain("/v1/buckets/docs/uploads/");
  const answer = await fetch(`${stage.url}/v1/buckets/docs/files/big/file.bin`, { headers });
  expect(answer.status).toBe(200);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect(sha256(bytes), `seed ${seed}`).toBe(sha256(content));
  expect(answer.headers.get("etag")).toBe(`"${sha256(content)}"`);
  const listed = await fetch(`${stage.url}/v1/buckets/docs/files`, { headers });
  expect(((await listed.json()) as { items: unknown[] }).items).toHaveLength(1);
}

describe("tus-js-client", () => {
  it("goes on where it was, however often the server is killed", () => survives(undefined));

  it("does so on S3, in pieces that are smaller than its parts", async ({ skip }) => {
    const place = s3();
    if (!place) return skip();
    await survives(place);
  });

  it("pauses, and goes on in another process", async () => {
    server = await FileServer.open(APP);
    const headers = await server.person("ann");
    const content = noise(numbers(1), 3 * PIECE);
    const endpoint = `${server.url}/v1/buckets/docs/uploads`;
    const url = await new Promise<string>((resolve, reject) => {
      const first = new Upload(content, {
        endpoint,
        headers,
        chunkSize: PIECE,
        metadata: { path: "a.bin" },
        onError: reject,
        onChunkComplete: () => void first.abort().then(() => resolve(first.url ?? ""), reject),
      });
      first.start();
    });
    await server.kill();
    await server.start();
    let from = -1;
    await upload(content, { uploadUrl: url, headers }, (sent) => {
      if (from < 0) from = sent;
    });
    expect(from).toBeGreaterThanOrEqual(PIECE);
    const answer = await fetch(`${server.url}/v1/buckets/docs/files/a.bin`, { headers });
    expect(sha256(new Uint8Array(await answer.arrayBuffer()))).toBe(sha256(content));
  });

  it("ends an upload that isn't wanted any more", async () => {
    server = await FileServer.open(APP);
    const headers = await server.person("ann");
    const endpoint = `${server.url}/v1/buckets/docs/uploads`;
    const url = await new Promise<string>((resolve, reject) => {
      const first = new Upload(noise(numbers(1), 3 * PIECE), {
        endpoint,
        headers,
        chunkSize: PIECE,
        metadata: { path: "a.bin" },
        onError: reject,
        onChunkComplete: () => {
          const at = first.url ?? "";
          void first.abort(true).then(() => resolve(at), reject);
        },
      });
      first.start();
    });
    const head = await fetch(url, { method: "HEAD", headers: { ...headers, "Tus-Resumable": "1.0.0" } });
    expect([404, 410]).toContain(head.status);
    expect((await fetch(`${server.url}/v1/buckets/docs/files/a.bin`, { headers })).status).toBe(404);
  });

  it("is refused what an upload at once is refused", async () => {
    server = await FileServer.open(APP);
    const endpoint = `${server.url}/v1/buckets/docs/uploads`;
    const status = (error: unknown) =>
      (error as { originalResponse?: { getStatus(): number } }).originalResponse?.getStatus();
    const tried = (options: Partial<UploadOptions>) =>
      upload(noise(numbers(1), 1_000), { endpoint, retryDelays: null, ...options }).then(() => 0, status);
    const headers = await server.person("ann");
    expect(await tried({ metadata: { path: "a" } })).toBe(401);
    expect(await tried({ headers, metadata: {} })).toBe(400);
    expect(await tried({ headers, metadata: { path: "../a" } })).toBe(400);
    expect(await tried({ headers, metadata: { path: "a" } })).toBe(0);
  });

  it("may not know how much is to come", async () => {
    server = await FileServer.open(APP);
    const headers = await server.person("ann");
    const content = noise(numbers(1), 2 * PIECE + 5);
    const endpoint = `${server.url}/v1/buckets/docs/uploads`;
    await upload(content, { endpoint, headers, uploadLengthDeferred: true, metadata: { path: "deferred" } });
    await upload(content, { endpoint, headers, uploadDataDuringCreation: true, metadata: { path: "at-once" } });
    await upload(Buffer.alloc(0), { endpoint, headers, metadata: { path: "empty" } });
    for (const [path, wanted] of [
      ["deferred", content],
      ["at-once", content],
      ["empty", Buffer.alloc(0)],
    ] as const) {
      const answer = await fetch(`${server.url}/v1/buckets/docs/files/${path}`, { headers });
      expect(sha256(new Uint8Array(await answer.arrayBuffer())), path).toBe(sha256(wanted));
    }
  });
});
