import { afterEach, describe, expect, it, vi } from "vitest";
import { createAdmin } from "../../../src/admin/index.js";
import { withFiles } from "../../../src/files/index.js";
import { FakeClock } from "../../support/clock.js";
import { fakeFetch, json } from "../../support/fetch.js";

const KEY = "bst_sk_abc";
const url = "https://api.test";
afterEach(() => vi.unstubAllGlobals());

describe("a service key", () => {
  it("is refused in browsers and apps", () => {
    vi.stubGlobal("window", {});
    vi.stubGlobal("document", {});
    expect(() => createAdmin({ url, key: KEY })).toThrow(expect.objectContaining({ code: "service_key_in_browser" }));
    expect(createAdmin({ url }).url).toBe(url);
    vi.unstubAllGlobals();
    vi.stubGlobal("navigator", { product: "ReactNative" });
    expect(() => createAdmin({ url, key: KEY })).toThrow(expect.objectContaining({ code: "service_key_in_browser" }));
  });

  it.each(["", "secret", "bst_sk_", "bst_sk_a\nb"])("is not %j", (key) => {
    expect(() => createAdmin({ url, key })).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("is sent with each call", async () => {
    const { fetch, sent } = fakeFetch(json({ items: [{ id: "k1" }] }));
    expect(await createAdmin({ url, key: KEY, fetch }).keys.list()).toEqual([{ id: "k1" }]);
    expect(sent[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });
});

describe("buckets", () => {
  it("are declared, planned and deleted by their names", async () => {
    const { fetch, sent } = fakeFetch(
      json({ items: [{ name: "a" }] }),
      json({ name: "a" }),
      json({}),
      json({}),
      json(null),
    );
    const { buckets } = createAdmin({ url, key: KEY, fetch });
    const definition = { maxSize: "10MB", presets: { thumb: { width: 400 } }, rules: { read: "true" } };
    expect(await buckets.list()).toEqual([{ name: "a" }]);
    expect(await buckets.get("a")).toEqual({ name: "a" });
    await buckets.plan("a", definition);
    await buckets.put("a", definition);
    await buckets.delete("a");
    expect(sent.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["GET", "/v1/admin/buckets", undefined],
      ["GET", "/v1/admin/buckets/a", undefined],
      ["PUT", "/v1/admin/buckets/a?plan=true", definition],
      ["PUT", "/v1/admin/buckets/a", definition],
      ["DELETE", "/v1/admin/buckets/a", undefined],
    ]);
  });
});

describe("files", () => {
  it("are a service's, too", async () => {
    const { fetch, sent } = fakeFetch(json({ path: "a" }));
    const admin = withFiles(createAdmin({ url, key: KEY, fetch }));
    await admin.files.bucket("images").upload("a", "text");
    expect(sent[0]).toMatchObject({ method: "PUT", path: "/v1/buckets/images/files/a" });
    expect(sent[0]?.headers.authorization).toBe(`Bearer ${KEY}`);
  });
});

/** Byte by byte, so that nothing may count on where a piece ends; and at the end broken off where `fail` is said. */
const stream = (text: string, fail = false) => {
  const bytes = new TextEncoder().encode(text);
  let place = 0;
  const body = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (place < bytes.length) controller.enqueue(bytes.slice(place, ++place));
      else if (fail) controller.error(new TypeError("terminated"));
      else controller.close();
    },
  });
  return () => new Response(body, { headers: { "basalt-seq": "09" } });
};

describe("the stream of changes", () => {
  it("goes on after the last event, whatever ended it", async () => {
    const first = stream(
      'retry: 5\n\n: alive\n\nid: 1\ndata: {"id":"ä"}\n\nid: 2\ndata: {"id":"b"}\n\nid: 3\ndata: {"i',
      true,
    );
    const { fetch, sent } = fakeFetch(
      first,
      new TypeError("fetch failed"),
      stream('id: 3\r\ndata: {"id":"c"}\r\n\r\n'),
      "hang",
    );
    const clock = new FakeClock();
    const changes = createAdmin({ url, key: KEY, fetch, clock, retries: 0 }).changes.follow({
      since: "0",
      collections: ["a", "b"],
    });
    const ids = [];
    for (let n = 0; n < 3; n++) ids.push((await clock.until(changes.next())).value?.id);
    expect(ids).toEqual(["ä", "b", "c"]);
    expect(sent.map(({ headers }) => headers["last-event-id"])).toEqual([undefined, "2", "2"]);
    expect(sent[0]?.path).toBe("/v1/changes?since=0&collection=a%2Cb");
    await changes.return();
  });

  it("ends with what can't heal", async () => {
    const gone = stream('event: error\ndata: {"code":"cursor_expired","status":410,"detail":"too old"}\n\n');
    const { fetch } = fakeFetch(gone);
    const changes = createAdmin({ url, key: KEY, fetch, clock: new FakeClock() }).changes.follow();
    await expect(changes.next()).rejects.toMatchObject({ code: "cursor_expired", status: 410, message: "too old" });
  });
});

describe("an import", () => {
  const admin = (text: string, fail = false) =>
    createAdmin({ url, key: KEY, fetch: fakeFetch(stream(text, fail)).fetch, clock: new FakeClock() });

  it("that stops says how far it came", async () => {
    const stopped = admin(
      '{"progress":{"lastLine":250}}\n{"done":false,"lastLine":300,"error":{"code":"unavailable","detail":"no disk"}}\n',
    );
    await expect(stopped.import("a", "{}")).rejects.toMatchObject({ code: "unavailable", details: { lastLine: 300 } });
    const broken = admin('{"progress":{"lastLine":250}}\n{"line":2', true).import("a", "{}");
    await expect(broken).rejects.toMatchObject({ code: "network", details: { lastLine: 250 } });
    const silent = admin('{"progress":{"lastLine":250}}\n').import("a", "{}", { from: 10 });
    await expect(silent).rejects.toMatchObject({ code: "network", details: { lastLine: 250 } });
  });

  it("remembers a hundred failures and tells of all", async () => {
    const lines = Array.from({ length: 150 }, (_, n) => `{"line":${n + 1},"code":"document_exists"}\n`).join("");
    let told = 0;
    const count = () => {
      told += 1;
    };
    const result = await admin(`${lines}{"done":true,"created":0,"replaced":0,"failed":150,"lastLine":150}\n`).import(
      "a",
      "{}",
      { onFailure: count },
    );
    expect([result.failures.length, result.failed, told]).toEqual([100, 150, 150]);
  });
});
