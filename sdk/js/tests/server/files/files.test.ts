import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createAdmin } from "../../../src/admin/index.js";
import type { FileMetadata } from "../../../src/files/index.js";
import { withFiles } from "../../../src/files/index.js";
import { createClient, where } from "../../../src/index.js";
import { memory } from "../../../src/offline/index.js";
import { noisePng } from "../../support/png.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { FILES, type FilesClient, type ImageData, idOf, imagesOf, signedUp } from "./app.js";

const sha256 = (bytes: string | Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe.each(engines)("files on %s", (engine) => {
  let server: TestServer;
  let ann: FilesClient;
  let ben: FilesClient;
  beforeAll(async () => {
    server = await startServer({ engine, app: FILES });
    [ann, ben] = await Promise.all([signedUp(server, "ann@example.com"), signedUp(server, "ben@example.com")]);
  });
  afterAll(async () => {
    await ann?.close();
    await ben?.close();
    await server?.stop();
  });
  const images = () => imagesOf(ann);
  const data = (...readers: string[]): ImageData => ({ readers });

  it("are uploaded, told of, and downloaded", async () => {
    const upload = images().upload("2026/über see.txt", "the sea", { data: { readers: [], album: "sea" } });
    const file = await upload;
    expect(file).toMatchObject({
      bucket: "images",
      path: "2026/über see.txt",
      size: 7,
      sha256: sha256("the sea"),
      owner: idOf(ann),
      status: "ready",
      data: { album: "sea", readers: [] },
    });
    expect(file.contentType).toMatch(/^text\/plain/);
    expect(await images().metadata("2026/über see.txt")).toEqual(file);
    const download = await images().download("2026/über see.txt");
    expect([download.status, download.size, download.sha256]).toEqual([200, 7, file.sha256]);
    expect(await download.text()).toBe("the sea");
    const part = await images().download("2026/über see.txt", { range: { from: 4 } });
    expect([part.status, await part.text()]).toEqual([206, "sea"]);
    const replaced = await images().upload("2026/über see.txt", "another sea", { data: data(), ifMatch: file.sha256 });
    expect(replaced).toMatchObject({ id: file.id, size: 11 });
    const beyond = images().download("2026/über see.txt", { range: { from: 100 } });
    await expect(beyond).rejects.toMatchObject({ code: "range_not_satisfiable" });
  });

  it("are created only, or replaced only, where that is said", async () => {
    await images().upload("once", "1", { data: data(), ifNoneMatch: "*" });
    const again = images().upload("once", "2", { data: data(), ifNoneMatch: "*" });
    await expect(again).rejects.toMatchObject({ code: "precondition_failed", status: 412 });
    const stale = images().upload("once", "2", { data: data(), ifMatch: sha256("0") });
    await expect(stale).rejects.toMatchObject({ code: "precondition_failed" });
    expect(await (await images().download("once")).text()).toBe("1");
  });

  it("are those of who may read them", async () => {
    await images().upload("secret", "s", { data: data() });
    const his = imagesOf(ben);
    await expect(his.download("secret")).rejects.toMatchObject({ code: "file_not_found", status: 404 });
    await expect(his.metadata("secret")).rejects.toMatchObject({ code: "file_not_found" });
    expect([await his.exists("secret"), await images().exists("secret")]).toEqual([false, true]);
    await images().setData("secret", { readers: [idOf(ben)], album: "x" });
    expect(await (await his.download("secret")).text()).toBe("s");
    await expect(his.setData("secret", { album: "y" })).rejects.toMatchObject({ code: "rule_denied" });
    expect((await images().setData("secret", { album: null })).data).toEqual({ readers: [idOf(ben)] });
  });

  it("are listed, page by page, with folders", async () => {
    for (const name of ["a/1", "a/2", "a/b/3", "c/4"]) {
      await images().upload(`list/${name}`, name, { data: { readers: [], album: name } });
    }
    const paths: string[] = [];
    for await (const { path } of images().each({ prefix: "list/", limit: 3 })) paths.push(path);
    expect(paths).toEqual(["list/a/1", "list/a/2", "list/a/b/3", "list/c/4"]);
    const folder = await images().list({ prefix: "list/a/", delimiter: "/" });
    expect([folder.items.map(({ path }) => path), folder.prefixes]).toEqual([["list/a/1", "list/a/2"], ["list/a/b/"]]);
    const filter = where("data.album", "in", ["a/2", "c/4"]);
    const sorted = await images().list({ prefix: "list/", filter, sort: ["-path"] });
    expect(sorted.items.map(({ path }) => path)).toEqual(["list/c/4", "list/a/2"]);
    expect(await images().query({ prefix: "list/a/" }).count()).toBe(3);
    expect((await imagesOf(ben).list({ prefix: "list/" })).items).toEqual([]);
  });

  it("are copied, moved and deleted", async () => {
    const file = await images().upload("from", "bytes", { data: data() });
    const copy = await images().copy("from", "copy");
    expect(copy).toMatchObject({ path: "copy", sha256: file.sha256 });
    expect(copy.id).not.toBe(file.id);
    expect(await images().move("from", "to/moved")).toMatchObject({ id: file.id, path: "to/moved" });
    await expect(images().move("copy", "to/moved")).rejects.toMatchObject({ code: "file_exists", status: 409 });
    await images().move("copy", "to/moved", { overwrite: true });
    await images().delete("to/moved");
    expect(await images().exists("to/moved")).toBe(false);
    await expect(images().delete("to/moved")).rejects.toMatchObject({ code: "file_not_found" });
  });

  it("are given away by signed URLs, and taken by them", async () => {
    await images().upload("signed", "for you", { data: data() });
    const { url, expiresAt } = await images().signedUrl("signed", { expiresIn: "5m" });
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
    expect(await (await fetch(url)).text()).toBe("for you");
    expect((await fetch(url.replace(/.$/, (last) => (last === "A" ? "B" : "A")))).status).toBe(403);
    await expect(imagesOf(ben).signedUrl("signed")).rejects.toMatchObject({ status: 404 });
    const files = [{ path: "letter", method: "PUT", maxSize: 10 }, { path: "signed" }] as const;
    const [letter, other] = await images().signedUrls(files);
    const visitor = withFiles(createClient({ url: server.url }));
    expect(await (await fetch(other?.url ?? "")).text()).toBe("for you");
    const bucket = visitor.files.bucket("images");
    await expect(bucket.uploadSigned(letter?.url ?? "", "far too long a letter")).rejects.toMatchObject({
      status: 413,
    });
    await bucket.uploadSigned(letter?.url ?? "", "short");
    const admin = withFiles(createAdmin({ url: server.url, key: server.key }));
    expect(await (await admin.files.bucket("images").download("letter")).text()).toBe("short");
    await visitor.close();
  });

  it("of a public bucket are everybody's", async () => {
    const open = ann.files.bucket("open");
    await open.upload("logo.png", noisePng(100), { contentType: "image/png" });
    const answer = await fetch(open.url("logo.png"));
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/png"]);
    const thumb = await fetch(open.url("logo.png", { preset: "thumb" }));
    expect([thumb.status, thumb.headers.get("content-type")]).toEqual([200, "image/webp"]);
    expect((await fetch(open.url("logo.png", { width: 41 }))).status).toBe(403);
    expect(
      (await fetch(open.url("logo.png", { download: "the logo.png" }))).headers.get("content-disposition"),
    ).toMatch(/^attachment; filename="the logo.png"/);
  });

  it("that are pictures come in other sizes", async () => {
    const picture = noisePng(100);
    const file = await images().upload("picture.png", new Blob([Uint8Array.from(picture)], { type: "image/png" }), {
      data: data(),
    });
    expect(file.image).toMatchObject({ width: 100, height: 100 });
    const thumb = await images().download("picture.png", { image: { preset: "thumb" } });
    expect([thumb.status, thumb.contentType]).toEqual([200, "image/png"]);
    const { width, height } = sizeOfPng(new Uint8Array(await thumb.arrayBuffer()));
    expect([width, height]).toEqual([40, 40]);
    const own = await images().download("picture.png", { image: { width: 10, format: "png" } });
    expect(sizeOfPng(new Uint8Array(await own.arrayBuffer())).width).toBe(10);
    const { url } = await images().signedUrl("picture.png", { image: { width: 20, format: "png" } });
    expect(sizeOfPng(new Uint8Array(await (await fetch(url)).arrayBuffer())).width).toBe(20);
  });

  it("that only arrive are told of by what the answer says", async () => {
    const letters = ann.files.bucket("letters");
    const bytes = new Uint8Array(6_000_000).fill(7);
    const file = await letters.upload("to you", bytes);
    expect(file).toMatchObject({
      path: "to you",
      size: bytes.length,
      sha256: sha256(bytes),
      id: expect.stringMatching(/./),
    });
    await expect(letters.metadata("to you")).rejects.toMatchObject({ status: 404 });
  });

  it("are live", async () => {
    const seen: string[][] = [];
    const news = events();
    const stop = imagesOf(ben).live(
      { prefix: "live/", filter: where("data.readers", "contains", idOf(ben)) },
      (result) => {
        seen.push(result.documents.map(({ path }) => path));
        news.tell();
      },
    );
    await news.until(() => seen.length > 0);
    await images().upload("live/a", "1", { data: data(idOf(ben)) });
    await news.until(() => seen.at(-1)?.join() === "live/a");
    await images().upload("live/hidden", "2", { data: data() });
    await images().move("live/a", "live/b");
    await news.until(() => seen.at(-1)?.join() === "live/b");
    const one: (FileMetadata<ImageData> | null)[] = [];
    const end = imagesOf(ben).watch("live/b", ({ file }) => {
      one.push(file);
      news.tell();
    });
    await news.until(() => one.at(-1)?.size === 1);
    await images().upload("live/b", "longer", { data: data(idOf(ben)) });
    await news.until(() => one.at(-1)?.size === 6);
    await images().setData("live/b", { readers: [] });
    await news.until(() => one.at(-1) === null && seen.at(-1)?.length === 0);
    expect(seen.flat()).not.toContain("live/hidden");
    stop();
    end();
  });

  it("of a client with persistence pass by the outbox, and their metadata are kept", async () => {
    let isCut = false;
    const cut: typeof fetch = async (...words) => {
      if (isCut) throw new TypeError("no network");
      return fetch(...words);
    };
    const cat = await signedUp(server, "cat@example.com", {
      fetch: cut as never,
      persistence: memory(),
      WebSocket: null,
      retries: 0,
    });
    await imagesOf(cat).upload("kept", "bytes", { data: data() });
    expect(await imagesOf(cat).query().list()).toMatchObject({ items: [{ path: "kept" }] });
    isCut = true;
    expect(await imagesOf(cat).query().list()).toMatchObject({ items: [{ path: "kept" }] });
    await expect(imagesOf(cat).upload("later", "bytes", { data: data() })).rejects.toMatchObject({ code: "network" });
    expect(await cat.offline?.pending()).toEqual([]);
    await cat.close();
  });

  it("have buckets that services declare", async () => {
    const admin = withFiles(createAdmin({ url: server.url, key: server.key }));
    const definition = { maxSize: "1MB", allowedTypes: ["text/*"], rules: { read: "auth != null" } };
    const plan = await admin.buckets.plan("more", definition);
    expect(plan).toBeTruthy();
    expect((await admin.buckets.list()).map(({ name }) => name)).not.toContain("more");
    await admin.buckets.put("more", definition);
    expect((await admin.buckets.list()).map(({ name }) => name)).toContain("more");
    expect(await admin.buckets.get("more")).toMatchObject({ name: "more" });
    const more = admin.files.bucket("more");
    await expect(more.upload("a.png", noisePng(3))).rejects.toMatchObject({ code: "file_type_refused", status: 415 });
    await expect(more.upload("a.txt", "x".repeat(2_000_000))).rejects.toMatchObject({ status: 413 });
    await more.upload("a.txt", "x");
    expect(await (await ben.files.bucket("more").download("a.txt")).text()).toBe("x");
    await expect(admin.buckets.delete("more")).rejects.toMatchObject({ code: "bucket_not_empty" });
    await more.delete("a.txt");
    await admin.buckets.delete("more");
    await expect(more.upload("a.txt", "x")).rejects.toMatchObject({ code: "bucket_not_found", status: 404 });
  });
});

function sizeOfPng(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/** What is waited for until something that is told makes it true. */
function events() {
  let wake: () => void = () => {};
  return {
    tell: () => wake(),
    async until(holds: () => boolean): Promise<void> {
      while (!holds()) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
