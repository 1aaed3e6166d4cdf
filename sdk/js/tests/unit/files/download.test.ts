import { describe, expect, it } from "vitest";
import { fakeFetch, problem, type Reply, type Sent } from "../../support/fetch.js";
import { noise, page } from "./support.js";
import { sha256 } from "./tus.js";

const bytes = noise(1000);
const etag = `"${sha256(bytes)}"`;

/** These bytes of the file, of which so many arrive. */
function answer(from: number, to: number, arriving = to - from, more: Record<string, string> = {}): Reply {
  return () => {
    const isWhole = from === 0 && to === bytes.length;
    let place = from;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (place - from >= arriving)
          return arriving === to - from ? controller.close() : controller.error(new TypeError("terminated"));
        const end = Math.min(place + 100, from + arriving);
        controller.enqueue(bytes.slice(place, end));
        place = end;
      },
    });
    const headers = { etag, "content-type": "image/jpeg", "content-length": String(to - from), ...more };
    const range: Record<string, string> = isWhole ? {} : { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` };
    return new Response(body, { status: isWhole ? 200 : 206, headers: { ...headers, ...range } });
  };
}

function setUp(...replies: Reply[]) {
  const { fetch, sent } = fakeFetch(...replies);
  return { ...page(fetch), sent };
}

const rangeOf = ({ headers }: Sent) => [headers.range, headers["if-range"]];

describe("a download", () => {
  it("is read as it is wanted", async () => {
    const { bucket, clock, sent } = setUp(answer(0, 1000), answer(0, 1000), () => new Response("söme"));
    const first = await clock.until(bucket.download("a"));
    expect([first.status, first.size, first.contentType, first.sha256]).toEqual([
      200,
      1000,
      "image/jpeg",
      sha256(bytes),
    ]);
    const blob = await first.blob();
    expect([blob.size, blob.type]).toEqual([1000, "image/jpeg"]);
    const second = await clock.until(bucket.download("a", { image: { preset: "thumb" } }));
    expect(new Uint8Array(await second.arrayBuffer())).toEqual(bytes);
    expect(sent[1]?.path).toBe("/v1/buckets/images/files/a?preset=thumb");
    const third = await clock.until(bucket.download("a"));
    expect([await third.text(), third.sha256]).toEqual(["söme", null]);
  });

  it("may be a part", async () => {
    const { bucket, clock, sent } = setUp(answer(100, 200), answer(100, 1000), answer(990, 1000));
    const part = await clock.until(bucket.download("a", { range: { from: 100, to: 199 } }));
    expect(part.status).toBe(206);
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytes.slice(100, 200));
    await clock.until(bucket.download("a", { range: { from: 100 } }));
    await clock.until(bucket.download("a", { range: { from: -10 } }));
    expect(sent.map(({ headers }) => headers.range)).toEqual(["bytes=100-199", "bytes=100-", "bytes=-10"]);
    expect(() => bucket.download("a", { range: { from: 5, to: 3 } })).toThrow(
      expect.objectContaining({ code: "bad_argument" }),
    );
  });

  it("goes on where it broke off", async () => {
    const { bucket, clock, sent } = setUp(
      answer(0, 1000, 250),
      new TypeError("fetch failed"),
      answer(250, 1000, 10),
      answer(260, 1000),
    );
    const download = await clock.until(bucket.download("a"));
    expect(new Uint8Array(await clock.until(download.arrayBuffer()))).toEqual(bytes);
    expect(sent.slice(1).map(rangeOf)).toEqual([
      ["bytes=250-999", etag],
      ["bytes=250-999", etag],
      ["bytes=260-999", etag],
    ]);
  });

  it("of a part goes on within it", async () => {
    const { bucket, clock, sent } = setUp(answer(100, 200, 50), answer(150, 200));
    const download = await clock.until(bucket.download("a", { range: { from: 100, to: 199 } }));
    expect(new Uint8Array(await clock.until(download.arrayBuffer()))).toEqual(bytes.slice(100, 200));
    expect(sent.map(rangeOf)).toEqual([
      ["bytes=100-199", undefined],
      ["bytes=150-199", etag],
    ]);
  });

  it("ends where the file was changed meanwhile", async () => {
    const { bucket, clock } = setUp(answer(0, 1000, 250), answer(0, 1000, 1000, { etag: '"other"' }));
    const download = await clock.until(bucket.download("a"));
    await expect(clock.until(download.blob())).rejects.toMatchObject({ name: "BasaltError", code: "network" });
  });

  it("ends where nothing more comes", async () => {
    const { bucket, clock } = setUp(answer(0, 1000, 250), ...Array(3).fill(answer(250, 1000, 0)));
    const download = await clock.until(bucket.download("a"));
    await expect(clock.until(download.blob())).rejects.toMatchObject({ code: "network" });
  });

  it("isn't gone on with where nothing says which bytes these are", async () => {
    const { bucket, clock, sent } = setUp(answer(0, 1000, 250, { "content-encoding": "gzip" }));
    const download = await clock.until(bucket.download("a"));
    await expect(clock.until(download.blob())).rejects.toMatchObject({ code: "network" });
    expect(sent).toHaveLength(1);
  });

  it("is aborted", async () => {
    const { bucket, clock } = setUp(
      () =>
        new Response(new ReadableStream({ pull: () => new Promise(() => {}) }), {
          headers: { etag, "content-length": "1000" },
        }),
    );
    const controller = new AbortController();
    const download = await clock.until(bucket.download("a", { signal: controller.signal }));
    const blob = download.blob();
    controller.abort();
    await expect(clock.until(blob)).rejects.toMatchObject({ code: "aborted" });
  });

  it("that is refused is an error", async () => {
    const { bucket, clock } = setUp(problem(416, "range_not_satisfiable"));
    const download = bucket.download("a", { range: { from: 5000 } });
    await expect(clock.until(download)).rejects.toMatchObject({ code: "range_not_satisfiable", status: 416 });
  });
});
