/** Many uploads, each on a bad day of its own: what arrives is always what was sent. */
import { describe, expect, it } from "vitest";
import { memoryStorage } from "../../../src/storage/storage.js";
import { problem } from "../../support/fetch.js";
import { fileOf, noise, page } from "./support.js";
import { type Befalls, sha256, TusServer } from "./tus.js";

const KB = 1 << 10;

/** Numbers below 1 that look like chance and are the same each time (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function mishap(next: () => number): Befalls {
  const kinds: Befalls[] = [
    { lost: "request" },
    { lost: "answer" },
    { cut: Math.floor(next() * 30 * KB) },
    { cut: 1 },
    { answer: () => new Response("<html>", { status: 502 }) },
    { answer: () => problem(503, "overloaded", { "retry-after": "1" }) },
    { answer: () => problem(423, "upload_locked") },
    { answer: () => problem(409, "offset_mismatch") },
    { hangs: true },
  ];
  return kinds[Math.floor(next() * kinds.length)] ?? { lost: "request" };
}

describe("an upload in pieces", () => {
  it.each(Array.from({ length: 25 }, (_, seed) => seed + 1))("arrives whole, course %i", async (seed) => {
    const next = chance(seed);
    const bytes = noise(1 + Math.floor(next() * 200 * KB), seed);
    const server = new TusServer();
    for (const method of ["POST", "HEAD", "PATCH"]) {
      server.sometimes(method, () => (next() < 0.3 ? mishap(next) : undefined));
    }
    // The server loses an upload once, in every fourth course.
    let mayExpire = seed % 4 === 0;
    const storage = memoryStorage();
    let tab = page(server.fetch, storage);
    let upload = tab.bucket.upload("a", fileOf(bytes), {
      resumable: true,
      chunkSize: 1 + Math.floor(next() * 40 * KB),
    });
    for (let turns = 0; turns < 3; turns++) {
      await tab.clock.advance(next() * 20_000);
      if (mayExpire && next() < 0.5) {
        for (const open of server.uploads.values()) open.expired = open.bytes.length < open.length;
        mayExpire = false;
      }
      if (upload.progress.state === "done") break;
      upload.pause();
      if (next() < 0.5) {
        upload.resume();
        continue;
      }
      // The page is left for good, and another one begins.
      tab = page(server.fetch, storage);
      upload = tab.bucket.upload("a", fileOf(bytes), { resumable: true, chunkSize: 1 + Math.floor(next() * 40 * KB) });
    }
    const file = await tab.clock.until(upload);
    expect(file.sha256).toBe(sha256(bytes));
    expect(server.files.get("a")?.bytes).toEqual(bytes);
    expect(storage.getItem("session.uploads")).toBeNull();
  });
});
