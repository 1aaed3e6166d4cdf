import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { UploadProgress } from "../../../src/files/types.js";
import { memoryStorage } from "../../../src/storage/storage.js";
import { settle } from "../../support/clock.js";
import { problem } from "../../support/fetch.js";
import { fileOf, noise, page } from "./support.js";
import { sha256, TusServer } from "./tus.js";

const KB = 1 << 10;
const bytes = noise(100 * KB);
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const inPieces = { resumable: true, chunkSize: 10 * KB } as const;

describe("an upload in one request", () => {
  it("sends bytes, type and fields, and gives the metadata", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    const upload = bucket.upload("2026/über see.jpg", fileOf(bytes), { data: { album: "sea" } });
    expect(upload.progress).toEqual({ sent: 0, total: bytes.length, state: "uploading" });
    const file = await clock.until(upload);
    expect(file).toMatchObject({ path: "2026/über see.jpg", size: bytes.length, sha256: sha256(bytes) });
    expect(server.files.get("2026/über see.jpg")).toMatchObject({ contentType: "image/jpeg", data: { album: "sea" } });
    expect(server.asked).toHaveLength(1);
    expect(server.asked[0]?.path).toBe("/v1/buckets/images/files/2026/%C3%BCber%20see.jpg");
    expect(server.asked[0]?.headers).not.toHaveProperty("idempotency-key");
    expect(upload.progress).toEqual({ sent: bytes.length, total: bytes.length, state: "done" });
  });

  it.each([
    ["a text", "söme text", "text/plain;charset=utf-8"],
    ["a buffer", noise(9).buffer, "application/octet-stream"],
    ["a part of a buffer", noise(99).subarray(9, 19), "application/octet-stream"],
    ["a blob", new Blob(["x"], { type: "image/png" }), "image/png"],
    ["nothing", "", "text/plain;charset=utf-8"],
  ])("takes %s", async (_, source, contentType) => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    await clock.until(bucket.upload("a", source, { resumable: source === "" }));
    const sent = new Uint8Array(await new Response(source).arrayBuffer());
    expect(server.files.get("a")).toMatchObject({ contentType, bytes: sent });
  });

  it("is tried again, but not where it may have been refused for what it did itself", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PUT", { lost: "answer" }, { lost: "request" });
    await clock.until(bucket.upload("a", bytes));
    expect(server.asked).toHaveLength(3);
    server.befalls("PUT", { lost: "answer" });
    await expect(clock.until(bucket.upload("b", bytes, { ifNoneMatch: "*" }))).rejects.toMatchObject({
      code: "network",
    });
    await expect(clock.until(bucket.upload("b", bytes, { ifNoneMatch: "*" }))).rejects.toMatchObject({
      code: "precondition_failed",
    });
  });

  it("tells how far it is where the platform knows", async () => {
    const server = new TusServer();
    /** Sends by the server's fetch, and tells of a half of the body before. */
    class Request {
      upload: { onprogress?: (event: { loaded: number }) => void } = {};
      onload?: () => void;
      onerror?: () => void;
      status = 0;
      responseText = "";
      readonly #headers: Record<string, string> = {};
      #answered = "";
      #method = "";
      #url = "";

      open(method: string, url: string) {
        [this.#method, this.#url] = [method, url];
      }

      setRequestHeader(name: string, value: string) {
        this.#headers[name] = value;
      }

      getAllResponseHeaders() {
        return this.#answered;
      }

      abort() {}

      async send(body: Uint8Array) {
        this.upload.onprogress?.({ loaded: body.length / 2 });
        const answer = await server.fetch(this.#url, {
          method: this.#method,
          headers: this.#headers,
          body,
        } as RequestInit);
        this.#answered = [...answer.headers].map((header) => header.join(": ")).join("\r\n");
        [this.status, this.responseText] = [answer.status, await answer.text()];
        this.onload?.();
      }
    }
    vi.stubGlobal("XMLHttpRequest", Request);
    const { bucket, clock, inside } = page(server.fetch);
    inside.hasOwnFetch = false;
    const sent: number[] = [];
    const onProgress = (now: UploadProgress) => sent.push(now.sent / KB);
    expect((await clock.until(bucket.upload("a", bytes, { onProgress }))).sha256).toBe(sha256(bytes));
    expect(sent).toEqual([50, 100, 100]);
    sent.length = 0;
    await clock.until(bucket.upload("b", bytes, { resumable: true, chunkSize: 50 * KB, onProgress }));
    expect(sent).toEqual([25, 50, 75, 100, 100]);
  });

  it("has time according to its size", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PUT", { hangs: true }, { hangs: true }, { hangs: true }, { hangs: true });
    const start = clock.now();
    await expect(clock.until(bucket.upload("a", noise(4_000_000)))).rejects.toMatchObject({ code: "timeout" });
    expect(clock.now() - start).toBeGreaterThan(4 * (30_000 + 250_000));
  });

  it("may be paused, and begins anew then", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PUT", { hangs: true });
    const told: UploadProgress["state"][] = [];
    const upload = bucket.upload("a", bytes, { onProgress: ({ state }) => told.push(state) });
    await settle();
    upload.pause();
    upload.pause();
    await settle();
    expect(upload.progress.state).toBe("paused");
    upload.resume();
    await clock.until(upload);
    expect(server.files.get("a")?.bytes).toEqual(bytes);
    expect(told).toEqual(["paused", "uploading", "uploading", "done"]);
  });

  it.each(["abort()", "a signal", "a signal that fired before"])("is given up by %s", async (how) => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PUT", { hangs: true });
    const controller = new AbortController();
    if (how.endsWith("before")) controller.abort();
    const upload = bucket.upload("a", bytes, { signal: controller.signal });
    upload.catch(() => {});
    await settle();
    if (how === "abort()") upload.abort();
    else controller.abort();
    await expect(clock.until(upload)).rejects.toMatchObject({ name: "BasaltError", code: "aborted" });
    expect(upload.progress.state).toBe("failed");
    expect(server.files.size).toBe(0);
  });

  it("goes to a signed URL without a token, wherever that is", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    await clock.until(bucket.uploadSigned("https://cdn.test/v1/buckets/images/files/a?token=x", bytes));
    expect(server.asked[0]).toMatchObject({ method: "PUT", path: "/v1/buckets/images/files/a?token=x" });
    expect(server.asked[0]?.headers).not.toHaveProperty("authorization");
  });

  it.each(["", "/a", "a//b", "a/../b", ".", "a/"])("refuses the path %j", (path) => {
    expect(() => page(new TusServer().fetch).bucket.upload(path, "x")).toThrow(
      expect.objectContaining({ code: "bad_argument" }),
    );
  });

  it("refuses what can't be uploaded", () => {
    const { bucket } = page(new TusServer().fetch);
    expect(() => bucket.upload("a", 5 as never)).toThrow(expect.objectContaining({ code: "bad_argument" }));
    expect(() => bucket.upload("a", "x", { chunkSize: 0 })).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });
});

describe("an upload in pieces", () => {
  it("is what big ones are, and small ones that shall", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    await clock.until(bucket.upload("small", noise(5_000_000)));
    expect(server.of("PUT")).toHaveLength(1);
    await clock.until(bucket.upload("big", noise(5_000_001)));
    expect(server.of("PATCH").map(({ size }) => size)).toEqual([5_000_001]);
    await clock.until(bucket.upload("whole", noise(5_000_001), { resumable: false }));
    expect(server.of("PUT")).toHaveLength(2);
  });

  it("sends them in order and tells how far it is", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    const sent: number[] = [];
    const options = { ...inPieces, data: { a: "ü" }, onProgress: (now: UploadProgress) => sent.push(now.sent) };
    const file = await clock.until(bucket.upload("p/a b", fileOf(bytes), options));
    expect(file).toMatchObject({ path: "p/a b", sha256: sha256(bytes), data: { a: "ü" }, contentType: "image/jpeg" });
    expect(server.of("POST")).toHaveLength(1);
    expect(server.of("PATCH").map(({ size }) => size)).toEqual(Array(10).fill(10 * KB));
    expect(server.asked.every(({ headers }) => headers.authorization === "Bearer t1")).toBe(true);
    expect(server.asked.some(({ headers }) => "idempotency-key" in headers)).toBe(false);
    expect(sent).toEqual([...Array.from({ length: 10 }, (_, n) => (n + 1) * 10 * KB), 100 * KB]);
  });

  it("goes on from what the server has, whatever was lost", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("POST", { lost: "answer" }, { lost: "request" });
    server.befalls("PATCH", { lost: "answer" }, { cut: 3 * KB }, { lost: "request" }, { cut: 1 });
    server.befalls("HEAD", { lost: "request" }, { lost: "answer" });
    const states = new Set<string>();
    const upload = bucket.upload("a", bytes, { ...inPieces, onProgress: ({ state }) => states.add(state) });
    expect((await clock.until(upload)).sha256).toBe(sha256(bytes));
    expect(server.of("POST")).toHaveLength(3);
    expect(states).toEqual(new Set(["uploading", "waiting", "done"]));
  });

  it("is done although the last answer was lost", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { lost: "answer" });
    const file = await clock.until(bucket.upload("a", bytes, { resumable: true }));
    expect(file.sha256).toBe(sha256(bytes));
    expect(server.of("PATCH")).toHaveLength(1);
    expect(server.of("HEAD")).toHaveLength(1);
  });

  it.each([
    ["somebody else was faster", () => problem(409, "offset_mismatch")],
    ["somebody else is at it", () => problem(423, "upload_locked")],
    ["the checksum is another", () => problem(460, "checksum_mismatch")],
    ["the server is overloaded", () => problem(503, "overloaded", { "retry-after": "2" })],
    ["a proxy finds nobody", () => new Response("<html>", { status: 502 })],
    ["the server stumbles", () => problem(500, "internal")],
  ])("goes on where %s", async (_, answer) => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { answer });
    expect((await clock.until(bucket.upload("a", bytes, inPieces))).sha256).toBe(sha256(bytes));
    expect(server.of("POST")).toHaveLength(1);
  });

  it.each([403, 413, 415, 507])("ends with what can't be healed: %i", async (status) => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { answer: () => problem(status, "refused") });
    await expect(clock.until(bucket.upload("a", bytes, inPieces))).rejects.toMatchObject({ code: "refused", status });
    expect(server.of("PATCH")).toHaveLength(1);
  });

  it("ends where there is no such bucket", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("POST", { answer: () => problem(404, "bucket_not_found") });
    const upload = bucket.upload("a", bytes, inPieces);
    await expect(clock.until(upload)).rejects.toMatchObject({ code: "bucket_not_found" });
    expect(server.asked).toHaveLength(1);
  });

  it("begins anew where the server has lost it, but not for ever", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { cut: 5 }, { answer: () => problem(410, "upload_expired") });
    server.befalls("HEAD", { answer: () => new Response(null, { status: 404 }) });
    expect((await clock.until(bucket.upload("a", bytes, inPieces))).sha256).toBe(sha256(bytes));
    expect(server.of("POST")).toHaveLength(3);
    server.befalls("PATCH", ...Array(20).fill({ answer: () => problem(404, "upload_not_found") }));
    await expect(clock.until(bucket.upload("b", bytes, inPieces))).rejects.toMatchObject({ code: "upload_not_found" });
  });

  it("is given up when nothing gets on for a minute", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { cut: 10 });
    server.befalls("HEAD", ...Array(50).fill({ lost: "request" }));
    const start = clock.now();
    const upload = bucket.upload("a", bytes, inPieces);
    await expect(clock.until(upload)).rejects.toMatchObject({ code: "network" });
    expect(upload.progress).toMatchObject({ state: "failed" });
    expect(clock.now() - start).toBeGreaterThan(30_000);
  });

  it("checks each piece where it is told to, and takes smaller ones on a bad connection", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    const big = noise(2048 * KB);
    // In no other thread, which the clock would not wait for.
    vi.spyOn(crypto.subtle, "digest").mockImplementation(async (_, data) => {
      const { buffer } = Uint8Array.from(
        createHash("sha256")
          .update(data as Uint8Array)
          .digest(),
      );
      return buffer;
    });
    server.befalls("PATCH", { flipped: true }, { cut: 100 * KB }, { cut: 100 * KB });
    const options = { resumable: true, chunkSize: 2048 * KB, checksum: true };
    expect((await clock.until(bucket.upload("a", big, options))).sha256).toBe(sha256(big));
    expect(server.of("PATCH").map(({ size }) => size / KB)).toEqual([2048, 1024, 512, ...Array(8).fill(256)]);
  });

  it("takes smaller pieces where a proxy lets no bigger through", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    const tooBig = { answer: () => new Response("<html>413", { status: 413 }) };
    server.befalls("PATCH", tooBig, tooBig);
    await clock.until(bucket.upload("a", noise(1024 * KB), { resumable: true }));
    expect(server.of("PATCH").map(({ size }) => size / KB)).toEqual([1024, 512, 256, 256, 256, 256]);
  });

  it("is paused, and goes on where it was", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    const upload = bucket.upload("a", bytes, {
      ...inPieces,
      onProgress: ({ sent, state }) => {
        if (sent === 50 * KB && state === "uploading") upload.pause();
      },
    });
    await settle();
    await settle();
    expect(upload.progress).toMatchObject({ state: "paused", sent: 50 * KB });
    await clock.advance(3_600_000);
    expect(server.of("PATCH").length).toBeLessThanOrEqual(6);
    upload.resume();
    expect((await clock.until(upload)).sha256).toBe(sha256(bytes));
    expect(server.of("POST")).toHaveLength(1);
  });

  it("is ended at the server when it is given up", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.befalls("PATCH", { hangs: true });
    const upload = bucket.upload("a", bytes, inPieces);
    upload.catch(() => {});
    await settle();
    expect(server.uploads.size).toBe(1);
    upload.abort();
    server.befalls("DELETE", { hangs: true });
    await expect(clock.until(upload)).rejects.toMatchObject({ code: "aborted" });
    const again = bucket.upload("a", bytes, { ...inPieces, onProgress: () => again.abort() });
    await expect(clock.until(again)).rejects.toMatchObject({ code: "aborted" });
    await settle();
    expect([server.uploads.size, server.of("DELETE").length]).toEqual([1, 2]);
  });

  it("is not gone on with as another user", async () => {
    const server = new TusServer();
    const { bucket, clock, who } = page(server.fetch);
    const upload = bucket.upload("a", bytes, {
      ...inPieces,
      onProgress: ({ sent }) => {
        if (sent === 50 * KB) who.id = "ben";
      },
    });
    await expect(clock.until(upload)).rejects.toMatchObject({ code: "aborted" });
    expect(server.files.size).toBe(0);
  });

  it("tells those who may not read what they wrote what the answer said", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    server.unreadable.add("letters/a");
    const file = await clock.until(bucket.upload("letters/a", bytes, inPieces));
    expect(file).toEqual({
      id: "id-of-letters/a",
      bucket: "images",
      path: "letters/a",
      size: bytes.length,
      contentType: "application/octet-stream",
      sha256: sha256(bytes),
    });
  });

  it("creates only, where it is told so", async () => {
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch);
    await clock.until(bucket.upload("a", bytes, { ...inPieces, ifNoneMatch: "*" }));
    const again = bucket.upload("a", bytes, { ...inPieces, ifNoneMatch: "*" });
    await expect(clock.until(again)).rejects.toMatchObject({ code: "precondition_failed" });
  });
});

describe("after a reload", () => {
  /** An upload that stops half-way with its page. */
  async function interrupted(server: TusServer, options = {}) {
    const storage = memoryStorage();
    const first = page(server.fetch, storage);
    server.befalls("PATCH", { cut: 10 * KB }, { hangs: true });
    const upload = first.bucket.upload("a", fileOf(bytes), { ...inPieces, ...options });
    upload.catch(() => {});
    await first.clock.advance(1_000);
    upload.pause();
    return storage;
  }

  it("the same file goes on where it was", async () => {
    const server = new TusServer();
    const second = page(server.fetch, await interrupted(server));
    const file = await second.clock.until(second.bucket.upload("a", fileOf(bytes), inPieces));
    expect(file.sha256).toBe(sha256(bytes));
    expect(server.of("POST")).toHaveLength(1);
    expect(server.of("PATCH").reduce((sum, { size }) => sum + size, 0)).toBeLessThan(130 * KB);
    await second.clock.until(second.bucket.upload("a", fileOf(bytes), inPieces));
    expect(server.of("POST")).toHaveLength(2);
  });

  it.each([
    ["another path", (other: ReturnType<typeof page>) => other.bucket.upload("b", fileOf(bytes), inPieces)],
    ["another name", (other: ReturnType<typeof page>) => other.bucket.upload("a", fileOf(bytes, "x"), inPieces)],
    [
      "another time",
      (other: ReturnType<typeof page>) => other.bucket.upload("a", fileOf(bytes, "sea.jpg", 6), inPieces),
    ],
    ["another size", (other: ReturnType<typeof page>) => other.bucket.upload("a", fileOf(noise(9999)), inPieces)],
    ["no file", (other: ReturnType<typeof page>) => other.bucket.upload("a", bytes, inPieces)],
    [
      "another user",
      (other: ReturnType<typeof page>) => {
        other.who.id = "ben";
        return other.bucket.upload("a", fileOf(bytes), inPieces);
      },
    ],
  ])("%s begins anew", async (_, begin) => {
    const server = new TusServer();
    const second = page(server.fetch, await interrupted(server));
    await second.clock.until(begin(second));
    expect(server.of("POST")).toHaveLength(2);
  });

  it("bytes without a name go on where the app says what they are", async () => {
    const server = new TusServer();
    const storage = await interrupted(server, { fingerprint: "draft 7" });
    const second = page(server.fetch, storage);
    await second.clock.until(second.bucket.upload("a", bytes, { ...inPieces, fingerprint: "draft 7" }));
    expect(server.of("POST")).toHaveLength(1);
  });

  it("what expired, or is another upload now, begins anew", async () => {
    const server = new TusServer();
    const storage = await interrupted(server);
    for (const upload of server.uploads.values()) upload.expired = true;
    const second = page(server.fetch, storage);
    await second.clock.until(second.bucket.upload("a", fileOf(bytes), inPieces));
    expect(server.of("POST")).toHaveLength(2);
  });

  it.each(["nonsense", "[1,null,{}]", '{"a":1}'])("a storage with %s is none", async (text) => {
    const storage = memoryStorage();
    storage.setItem("session.uploads", text);
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch, storage);
    await clock.until(bucket.upload("a", fileOf(bytes), inPieces));
    expect(server.files.size).toBe(1);
    expect(storage.getItem("session.uploads")).toBeNull();
  });

  it("a storage that fails is no reason not to upload", async () => {
    const broken = () => {
      throw new Error("full");
    };
    const server = new TusServer();
    const { bucket, clock } = page(server.fetch, { getItem: broken, setItem: broken, removeItem: broken });
    await clock.until(bucket.upload("a", fileOf(bytes), inPieces));
    expect(server.files.size).toBe(1);
  });
});
