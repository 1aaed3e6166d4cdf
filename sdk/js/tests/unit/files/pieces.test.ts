import { createHash } from "node:crypto";
import { afterEach, describe, expect, it, vi } from "vitest";
import type { UploadProgress } from "../../../src/files/types.js";
import { settle } from "../../support/clock.js";
import { problem } from "../../support/fetch.js";
import { fileOf, noise, page } from "./support.js";
import { sha256, TusServer } from "./tus.js";

const KB = 1 << 10;
const bytes = noise(100 * KB);
const inPieces = { resumable: true, chunkSize: 10 * KB } as const;

afterEach(() => vi.restoreAllMocks());

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
