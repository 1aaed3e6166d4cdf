import { afterEach, describe, expect, it, vi } from "vitest";
import type { UploadProgress } from "../../../src/files/types.js";
import { settle } from "../../support/clock.js";
import { fileOf, noise, page } from "./support.js";
import { sha256, TusServer } from "./tus.js";

const KB = 1 << 10;
const bytes = noise(100 * KB);

afterEach(() => vi.unstubAllGlobals());

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
