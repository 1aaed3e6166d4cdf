import { createHash, randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { UploadProgress } from "../../../src/files/index.js";
import { withFiles } from "../../../src/files/index.js";
import { createClient, type Fetch, type KeyValueStorage, memoryStorage } from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { FILES, type FilesClient, imagesOf, signedUp } from "./app.js";

const MB = 1 << 20;
const data = { readers: [] };
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.each(engines)("resumable uploads on %s", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ engine, app: FILES });
  });
  afterAll(() => server?.stop());

  /** Her page, whose `fetch` is watched and may break things. */
  async function page(name: string, fate: Fetch, storage: KeyValueStorage = memoryStorage()): Promise<FilesClient> {
    return signedUp(server, `${name}@example.com`, { fetch: fate, storage });
  }

  const stored = async (client: FilesClient, path: string) =>
    sha256(new Uint8Array(await (await imagesOf(client).download(path)).arrayBuffer()));

  it("go on when connections break off half-way, before and after", async () => {
    let patches = 0;
    const fate: Fetch = async (url, init = {}) => {
      if (init.method !== "PATCH" || !url.includes("/uploads/")) return fetch(url, init);
      patches += 1;
      if (patches % 4 === 1) throw new TypeError("never sent");
      if (patches % 4 === 2) return broken(url, init);
      const answer = await fetch(url, init);
      if (patches % 4 === 3) throw new TypeError("the answer was lost");
      return answer;
    };
    const ann = await page("break", fate);
    const bytes = randomBytes(6 * MB);
    const options = { data, chunkSize: MB, resumable: true } as const;
    const file = await imagesOf(ann).upload("broken", bytes, options);
    expect([file.size, file.sha256]).toEqual([bytes.length, sha256(bytes)]);
    expect(await stored(ann, "broken")).toBe(sha256(bytes));
    await ann.close();
  });

  it("go on when the server dies", async () => {
    let kills = 0;
    const ann = await page("kill", fetch as Fetch);
    const bytes = randomBytes(8 * MB);
    const states = new Set<string>();
    let restarted: Promise<void> = Promise.resolve();
    const onProgress = ({ sent, state }: UploadProgress) => {
      states.add(state);
      if (sent < (kills + 1) * 2 * MB || kills === 3) return;
      kills += 1;
      restarted = server.restart();
    };
    const file = await imagesOf(ann).upload("killed", bytes, { data, chunkSize: MB / 2, onProgress });
    await restarted;
    expect([kills, file.sha256]).toEqual([3, sha256(bytes)]);
    expect(states).toContain("waiting");
    expect(await stored(ann, "killed")).toBe(sha256(bytes));
    await ann.close();
  });

  it("are paused and resumed, and given up", async () => {
    const ann = await page("pause", fetch as Fetch);
    const bytes = randomBytes(6 * MB);
    const options = { data, chunkSize: MB, resumable: true } as const;
    let pauses = 0;
    const upload = imagesOf(ann).upload("paused", bytes, {
      ...options,
      onProgress: ({ sent, state }) => {
        if (state === "paused") upload.resume();
        if (state !== "uploading" || sent !== 3 * MB || pauses === 1) return;
        pauses += 1;
        upload.pause();
      },
    });
    expect((await upload).sha256).toBe(sha256(bytes));
    expect(pauses).toBe(1);
    const given = imagesOf(ann).upload("given up", bytes, {
      ...options,
      onProgress: ({ sent }) => {
        if (sent === 2 * MB) given.abort();
      },
    });
    await expect(given).rejects.toMatchObject({ code: "aborted" });
    expect(await imagesOf(ann).exists("given up")).toBe(false);
    await ann.close();
  });
  it("go on after a reload", async () => {
    const storage = memoryStorage();
    let isGone = false;
    const untilGone: Fetch = (url, init) => (isGone ? new Promise<Response>(() => {}) : fetch(url, init));
    const ann = await page("reload", untilGone, storage);
    const bytes = randomBytes(6 * MB);
    const file = () => new File([Uint8Array.from(bytes)], "sea.jpg", { type: "image/jpeg", lastModified: 7 });
    const options = { data, chunkSize: MB, contentType: "application/octet-stream" };
    await new Promise<void>((resolve) => {
      const onProgress = ({ sent }: UploadProgress) => {
        if (sent < 3 * MB) return;
        isGone = true;
        resolve();
      };
      imagesOf(ann)
        .upload("reloaded", file(), { ...options, onProgress })
        .catch(() => {});
    });
    // Her page is gone; another one has its storage.
    const sent: number[] = [];
    const counted: Fetch = (url, init = {}) => {
      if (init.method === "PATCH") sent.push((init.body as Blob).size);
      return fetch(url, init);
    };
    const again = withFiles(createClient({ url: server.url, fetch: counted, storage }));
    const done = await imagesOf(again).upload("reloaded", file(), options);
    expect([done.sha256, sent]).toEqual([sha256(bytes), [MB, MB, MB]]);
    await again.close();
  });

  it("of two tabs at once are one file", async () => {
    const storage = memoryStorage();
    const ann = await page("tabs", fetch as Fetch, storage);
    const again = withFiles(createClient({ url: server.url, storage }));
    const bytes = randomBytes(6 * MB);
    const file = () => new File([Uint8Array.from(bytes)], "sea.jpg", { type: "image/jpeg", lastModified: 7 });
    const options = { data, chunkSize: MB, contentType: "application/octet-stream" };
    const others: Promise<{ id: string }>[] = [];
    const onProgress = ({ sent }: UploadProgress) => {
      if (sent === 2 * MB && others.length === 0) others.push(imagesOf(again).upload("tabs", file(), options));
    };
    const first = await imagesOf(ann).upload("tabs", file(), { ...options, onProgress });
    expect((await Promise.all(others)).map(({ id }) => id)).toEqual([first.id]);
    expect(await stored(ann, "tabs")).toBe(sha256(bytes));
    await Promise.all([ann.close(), again.close()]);
  });

  it("are checked piece by piece where wanted", async () => {
    let patches = 0;
    const fate: Fetch = async (url, init = {}) => {
      if (init.method !== "PATCH") return fetch(url, init);
      patches += 1;
      if (patches !== 2) return fetch(url, init);
      const damaged = Uint8Array.from(init.body as Uint8Array);
      damaged[5] = (damaged[5] ?? 0) ^ 1;
      return fetch(url, { ...init, body: damaged });
    };
    const ann = await page("checksum", fate);
    const bytes = randomBytes(3 * MB);
    const options = { data, chunkSize: MB, resumable: true, checksum: true } as const;
    expect((await imagesOf(ann).upload("checked", bytes, options)).sha256).toBe(sha256(bytes));
    expect(patches).toBeGreaterThan(3);
    await ann.close();
  });

  it("only create where that is said, and are refused before bytes are sent", async () => {
    const ann = await page("refused", fetch as Fetch);
    const bytes = randomBytes(2 * MB);
    await imagesOf(ann).upload("taken", "x", { data });
    const again = imagesOf(ann).upload("taken", bytes, { data, resumable: true, ifNoneMatch: "*" });
    await expect(again).rejects.toMatchObject({ code: "precondition_failed" });
    const big = new Blob([new Uint8Array(61 * MB)]);
    await expect(imagesOf(ann).upload("huge", big, { data })).rejects.toMatchObject({ status: 413 });
    const visitor = withFiles(createClient({ url: server.url }));
    await expect(imagesOf(visitor).upload("v", bytes, { data, resumable: true })).rejects.toMatchObject({
      status: 401,
    });
    await visitor.close();
    await ann.close();
  });
});

/** So that half of the body arrives, and then the connection is gone. */
async function broken(url: string, init: RequestInit): Promise<Response> {
  const body = init.body as Uint8Array;
  const controller = new AbortController();
  const stream = new ReadableStream<Uint8Array>({
    start: (queue) => queue.enqueue(body.subarray(0, body.length >> 1)),
    pull: () => new Promise((resolve) => setTimeout(resolve, 50)).then(() => controller.abort()),
  });
  const half = { ...init, body: stream, signal: controller.signal, duplex: "half" } as RequestInit;
  return fetch(url, half).catch(() => Promise.reject(new TypeError("terminated")));
}
