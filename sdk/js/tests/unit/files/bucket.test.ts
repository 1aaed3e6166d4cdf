import { describe, expect, it } from "vitest";
import type { SubscribeSpec } from "../../../src/documents/types.js";
import { withFiles } from "../../../src/files/index.js";
import { createClient, where } from "../../../src/index.js";
import type { LiveHandlers } from "../../../src/realtime/types.js";
import { fakeFetch, json, noContent, problem, type Reply } from "../../support/fetch.js";
import { page } from "./support.js";

function setUp(...replies: Reply[]) {
  const { fetch, sent } = fakeFetch(...replies);
  return { ...page(fetch), sent };
}

const metadata = (path: string) => ({ id: `id-of-${path}`, bucket: "images", path, size: 3 });

describe("a bucket", () => {
  it("is of a client with files", async () => {
    const { fetch, sent } = fakeFetch(json(metadata("a")));
    const plain = createClient({ url: "https://api.test/base/", fetch });
    const client = withFiles(plain);
    expect(client).toBe(plain);
    expect((await client.files.bucket("images").metadata("a")).path).toBe("a");
    expect(sent[0]?.path).toBe("/base/v1/buckets/images/metadata/a");
    expect(() => withFiles({})).toThrow(expect.objectContaining({ code: "bad_argument" }));
    expect(() => client.files.bucket("no/bucket")).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("has metadata that are read and written", async () => {
    const { bucket, sent, clock } = setUp(json(metadata("a")), json(metadata("a")));
    await clock.until(bucket.metadata("a b/c"));
    await clock.until(bucket.setData("a b/c", { album: "sea", old: null }));
    expect(sent.map(({ method, path }) => `${method} ${path}`)).toEqual([
      "GET /v1/buckets/images/metadata/a%20b/c",
      "PATCH /v1/buckets/images/metadata/a%20b/c",
    ]);
    expect(sent[1]?.body).toEqual({ data: { album: "sea", old: null } });
  });

  it("has files that are copied, moved, released and deleted", async () => {
    const { bucket, sent, clock } = setUp(json(metadata("b")), json(metadata("c"), 201), noContent(), noContent());
    await clock.until(bucket.copy("a", "b", { toBucket: "more" }));
    await clock.until(bucket.move("b", "c", { overwrite: true }));
    await clock.until(bucket.release({ id: "f1" }, "clean"));
    await clock.until(bucket.delete("c"));
    expect(sent.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["POST", "/v1/buckets/images/copy", { from: "a", to: "b", toBucket: "more" }],
      ["POST", "/v1/buckets/images/move", { from: "b", to: "c", overwrite: true }],
      ["POST", "/v1/buckets/images/release", { id: "f1", verdict: "clean" }],
      ["DELETE", "/v1/buckets/images/files/c", undefined],
    ]);
    expect(sent.some(({ headers }) => "idempotency-key" in headers)).toBe(false);
  });

  it("says whether there is a file", async () => {
    const head = (status: number) => new Response(null, { status });
    const { bucket, sent, clock } = setUp(head(200), head(404), head(403));
    expect(await clock.until(bucket.exists("a"))).toBe(true);
    expect(await clock.until(bucket.exists("b"))).toBe(false);
    await expect(clock.until(bucket.exists("c"))).rejects.toMatchObject({ status: 403 });
    expect(sent[0]?.method).toBe("HEAD");
  });
});

describe("URLs", () => {
  it("are made for public buckets", () => {
    const { bucket } = setUp();
    expect(bucket.url("a b/ü?.jpg")).toBe("https://api.test/v1/buckets/images/files/a%20b/%C3%BC%3F.jpg");
    expect(bucket.url("a", { preset: "thumb" })).toBe("https://api.test/v1/buckets/images/files/a?preset=thumb");
    expect(bucket.url("a", { width: 400, fit: "cover", format: "webp", quality: 80, download: "sea & sun.webp" })).toBe(
      "https://api.test/v1/buckets/images/files/a?width=400&fit=cover&format=webp&quality=80&download=sea%20%26%20sun.webp",
    );
    expect(bucket.url("a", { download: true })).toMatch(/\?download=$/);
    expect(bucket.url("a", { download: false })).toMatch(/files\/a$/);
  });

  it("are signed, one or many", async () => {
    const expiresAt = "2026-11-22T09:00:00.000Z";
    const signed = (url: string) => ({ url, expiresAt });
    const { bucket, sent, clock } = setUp(
      json({ items: [signed("/v1/buckets/images/files/a?token=t")] }),
      new TypeError("fetch failed"),
      json({ items: [signed("https://cdn.test/b"), signed("https://cdn.test/c")] }),
    );
    expect(await clock.until(bucket.signedUrl("a", { expiresIn: "1h", image: { width: 400 } }))).toEqual({
      url: "https://api.test/v1/buckets/images/files/a?token=t",
      expiresAt,
    });
    const many = [
      { path: "b", image: { preset: "thumb" }, download: true },
      { id: "f1", method: "PUT", maxSize: 1000, contentType: "image/png" },
    ] as const;
    expect((await clock.until(bucket.signedUrls(many))).map(({ url }) => url)).toEqual([
      "https://cdn.test/b",
      "https://cdn.test/c",
    ]);
    expect(sent[0]?.body).toEqual({ files: [{ method: "GET", path: "a", expiresIn: "1h", image: { width: 400 } }] });
    expect(sent[2]?.body).toEqual({
      files: [
        { method: "GET", path: "b", preset: "thumb", download: "" },
        { method: "PUT", id: "f1", maxSize: 1000, contentType: "image/png" },
      ],
    });
  });
});

describe("lists", () => {
  it("are pages, with folders where wanted", async () => {
    const { bucket, sent, clock } = setUp(json({ items: [metadata("2026/a")], prefixes: ["2026/08/"] }));
    const filter = where("data.album", "==", 'a "b"').and(where("size", ">", 5));
    const options = { prefix: "2026/", delimiter: "/", filter, sort: ["-size", "path"], limit: 10 };
    expect(await clock.until(bucket.list(options))).toEqual({
      items: [metadata("2026/a")],
      prefixes: ["2026/08/"],
      nextCursor: null,
    });
    const { searchParams } = new URL(sent[0]?.url ?? "");
    expect(Object.fromEntries(searchParams)).toEqual({
      prefix: "2026/",
      delimiter: "/",
      filter: "doc.data.album == vars.v0 && doc.size > vars.v1",
      vars: '{"v0":"a \\"b\\"","v1":5}',
      sort: "-size,path",
      limit: "10",
    });
  });

  it("are gone through to their end", async () => {
    const pages = [
      json({ items: [metadata("a"), metadata("b")], nextCursor: "c1" }),
      json({ items: [metadata("c")], nextCursor: null }),
    ];
    const { bucket, sent } = setUp(...pages);
    const paths: string[] = [];
    for await (const { path } of bucket.each({ prefix: "x", limit: 2 })) paths.push(path);
    expect(paths).toEqual(["a", "b", "c"]);
    expect(sent[1]?.path).toBe("/v1/buckets/images/files?prefix=x&limit=2&cursor=c1");
  });

  it("that don't end are an error", async () => {
    const same = () => json({ items: [metadata("a")], nextCursor: "c1" });
    const { bucket } = setUp(same, same, same);
    const paths: string[] = [];
    const read = async () => {
      for await (const { path } of bucket) paths.push(path);
    };
    await expect(read()).rejects.toMatchObject({ code: "bad_answer" });
  });
});

describe("live metadata", () => {
  function live() {
    const { inside, bucket } = setUp();
    const asked: { spec: SubscribeSpec; handlers: LiveHandlers }[] = [];
    let ended = 0;
    inside.source.subscribe = (spec, handlers) => {
      asked.push({ spec, handlers });
      return () => {
        ended += 1;
      };
    };
    return { bucket, asked, ended: () => ended };
  }

  it("are a live query of the collection of files", () => {
    const { bucket, asked, ended } = live();
    const paths: string[][] = [];
    const filter = where("data.a", "==", 1).or(where("size", "<", 9));
    const stop = bucket.live({ prefix: "2026/", filter }, ({ documents }) =>
      paths.push(documents.map(({ path }) => path)),
    );
    expect(asked[0]?.spec).toEqual({
      collection: "files",
      sort: ["path"],
      filter: "doc.bucket == vars.v0 && doc.path.startsWith(vars.v1) && (doc.data.a == vars.v2 || doc.size < vars.v3)",
      vars: { v0: "images", v1: "2026/", v2: 1, v3: 9 },
    });
    asked[0]?.handlers.snapshot([metadata("2026/a")] as never, "05");
    expect(paths).toEqual([["2026/a"]]);
    stop();
    expect(ended()).toBe(1);
  });

  it("may be those of one file", () => {
    const { bucket, asked } = live();
    const seen: (string | null)[] = [];
    bucket.watch("a", ({ file }) => seen.push(file?.path ?? null));
    expect(asked[0]?.spec).toMatchObject({ limit: 1, vars: { v0: "images", v1: "a" } });
    asked[0]?.handlers.snapshot([], "05");
    asked[0]?.handlers.snapshot([metadata("a")] as never, "06");
    expect(seen).toEqual([null, "a"]);
  });
});

describe("errors", () => {
  it("are those of the server", async () => {
    const { bucket, clock } = setUp(problem(404, "file_not_found"));
    await expect(clock.until(bucket.metadata("a"))).rejects.toMatchObject({
      name: "BasaltError",
      code: "file_not_found",
    });
  });
});
