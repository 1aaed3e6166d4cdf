import { describe, expect, it } from "vitest";
import { memoryStorage } from "../../../src/storage/storage.js";
import { fileOf, noise, page } from "./support.js";
import { sha256, TusServer } from "./tus.js";

const KB = 1 << 10;
const bytes = noise(100 * KB);
const inPieces = { resumable: true, chunkSize: 10 * KB } as const;

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
