import { describe, expect, it } from "vitest";
import { segment, serverUrl } from "../../../src/transport/url.js";
import { fakeFetch, json, noContent, problem } from "../../support/fetch.js";
import { bench, tokens } from "./support.js";

describe("a call", () => {
  it("sends JSON with the token and reads the answer's headers", async () => {
    const headers = { etag: '"r"', "basalt-seq": "07", "x-request-id": "q", "idempotency-replayed": "true" };
    const { transport, sent, clock } = bench(tokens("t1"), json({ id: "a" }, 201, headers));
    const answer = await clock.until(
      transport.request({ method: "POST", path: "/v1/x", body: { a: "ü" }, query: { n: 1, no: undefined } }),
    );
    expect(answer).toMatchObject({
      data: { id: "a" },
      status: 201,
      etag: '"r"',
      seq: "07",
      requestId: "q",
      replayed: true,
    });
    expect(sent[0]).toMatchObject({ path: "/v1/x?n=1", body: { a: "ü" } });
    expect(sent[0]?.headers).toMatchObject({ authorization: "Bearer t1", "content-type": "application/json" });
  });

  it("may be given its answer unread, go to a whole URL, and out by another fetch", async () => {
    const { transport, sent, clock } = bench(tokens("t1"), new Response("body"));
    const other = fakeFetch(new Response("other"), problem(404, "gone"));
    const answer = await clock.until(transport.response({ method: "GET", path: "/v1/x" }));
    expect(await answer.text()).toBe("body");
    const whole = { method: "GET", path: "https://cdn.test/y?a=b", fetch: other.fetch } as const;
    expect(await (await clock.until(transport.response(whole))).text()).toBe("other");
    await expect(clock.until(transport.response(whole))).rejects.toMatchObject({ code: "gone" });
    expect([...sent, ...other.sent].map(({ url }) => url)).toEqual(["https://api.test/v1/x", whole.path, whole.path]);
  });

  it("may be a visitor's on purpose", async () => {
    const { transport, sent, clock } = bench(tokens("t1"), noContent());
    const answer = await clock.until(transport.request({ method: "GET", path: "/v1/x", anonymous: true }));
    expect(answer.data).toBeNull();
    expect(sent[0]?.headers).not.toHaveProperty("authorization");
  });

  it("turns a problem into the error", async () => {
    const errors = [{ path: "/title", code: "required", message: "is missing" }];
    const { transport, clock } = bench(tokens(null), problem(422, "schema_violation", {}, { errors, operation: 3 }));
    const call = transport.request({ method: "GET", path: "/v1/x" });
    await expect(clock.until(call)).rejects.toMatchObject({
      name: "BasaltError",
      code: "schema_violation",
      status: 422,
      message: "about schema_violation",
      requestId: "r1",
      errors,
      details: { title: "schema_violation", operation: 3 },
    });
  });

  it("makes an error of a proxy's page, too", async () => {
    const page = new Response("<html>", { status: 413, headers: { "x-request-id": "p" } });
    const { transport, clock } = bench(tokens(null), page);
    const call = transport.request({ method: "GET", path: "/v1/x" });
    await expect(clock.until(call)).rejects.toMatchObject({ code: "bad_answer", status: 413, requestId: "p" });
  });

  it("refuses JSON that is none", async () => {
    const broken = new Response("{", { headers: { "content-type": "application/json" } });
    const { transport, clock } = bench(tokens(null), broken);
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x" }))).rejects.toMatchObject({
      code: "bad_answer",
    });
  });

  it("refuses a body that is no JSON before it sends", async () => {
    const { transport, sent } = bench(tokens(null));
    const circle: Record<string, unknown> = {};
    circle.self = circle;
    await expect(transport.request({ method: "POST", path: "/v1/x", body: circle })).rejects.toMatchObject({
      code: "bad_argument",
    });
    expect(sent).toHaveLength(0);
  });
});

describe("time", () => {
  it("is over after 30 seconds, also for a fetch that ignores signals", async () => {
    const { transport, sent, clock } = bench(tokens(null), "hang");
    const start = clock.now();
    const call = transport.request({ method: "POST", path: "/v1/x", body: {} });
    await expect(clock.until(call)).rejects.toMatchObject({ code: "timeout", status: 0 });
    expect(clock.now() - start).toBe(30_000);
    expect(sent[0]?.signal.aborted).toBe(true);
  });

  it("is the caller's where he says so", async () => {
    const { transport, clock } = bench(tokens(null), "hang");
    const start = clock.now();
    await expect(clock.until(transport.request({ method: "POST", path: "/v1/x", timeout: 500 }))).rejects.toMatchObject(
      { code: "timeout" },
    );
    expect(clock.now() - start).toBe(500);
  });

  it("ends at once when the caller gives up, and nothing is tried again", async () => {
    const { transport, sent, clock } = bench(tokens(null), "hang");
    const controller = new AbortController();
    const call = transport.request({ method: "GET", path: "/v1/x", signal: controller.signal });
    await clock.advance(10);
    controller.abort("enough");
    await expect(call).rejects.toMatchObject({ code: "aborted", cause: "enough" });
    expect(sent[0]?.signal.aborted).toBe(true);
    expect(sent).toHaveLength(1);
  });

  it("isn't spent on a renewal that the caller no longer waits for", async () => {
    const source = { ...tokens("t"), token: () => new Promise<null>(() => {}) };
    const { transport, sent } = bench(source);
    const controller = new AbortController();
    const call = transport.request({ method: "GET", path: "/v1/x", signal: controller.signal });
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: "aborted" });
    const late = transport.request({ method: "GET", path: "/v1/x", signal: controller.signal });
    await expect(late).rejects.toMatchObject({ code: "aborted" });
    expect(sent).toHaveLength(0);
  });

  it("of a stream is bounded until its head has come, and its signal goes on", async () => {
    const body = new ReadableStream<Uint8Array>({});
    const { transport, sent, clock } = bench(tokens("t"), () => new Response(body));
    const controller = new AbortController();
    await transport.stream({
      method: "GET",
      path: "/v1/changes",
      signal: controller.signal,
      accept: "text/event-stream",
    });
    await clock.advance(3_600_000);
    expect(sent[0]?.signal.aborted).toBe(false);
    expect(sent[0]?.headers.accept).toBe("text/event-stream");
    controller.abort();
    expect(sent[0]?.signal.aborted).toBe(true);
  });
});

describe("a refused token", () => {
  it("is renewed once, and the call is made again with the new one", async () => {
    const source = tokens("old", "new");
    const { transport, sent, clock } = bench(source, problem(401, "token_expired"), json({}));
    await clock.until(transport.request({ method: "POST", path: "/v1/collections/n/documents", body: {} }));
    expect(sent.map((request) => request.headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
    expect(sent[0]?.headers["idempotency-key"]).toBe(sent[1]?.headers["idempotency-key"]);
    expect(source.refusals).toEqual(["old"]);
  });

  it("is renewed for a HEAD, too, whose answer can't say why it is refused", async () => {
    const { transport, sent, clock } = bench(tokens("old", "new"), new Response(null, { status: 401 }), noContent());
    await clock.until(transport.request({ method: "HEAD", path: "/v1/x" }));
    expect(sent.map((request) => request.headers.authorization)).toEqual(["Bearer old", "Bearer new"]);
  });

  it("never makes the call a visitor's", async () => {
    const { transport, sent, clock } = bench(tokens("old", null), problem(401, "invalid_token"));
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x" }))).rejects.toMatchObject({
      code: "invalid_token",
    });
    expect(sent).toHaveLength(1);
  });

  it("is not renewed twice for one call", async () => {
    const { transport, sent, clock } = bench(
      tokens("a", "b", "c"),
      problem(401, "invalid_token"),
      problem(401, "invalid_token"),
    );
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x" }))).rejects.toMatchObject({
      status: 401,
    });
    expect(sent).toHaveLength(2);
  });

  it("is no matter of a wrong password", async () => {
    const source = tokens("a", "b");
    const { transport, clock } = bench(source, problem(401, "invalid_credentials"));
    await expect(clock.until(transport.request({ method: "POST", path: "/v1/auth/login" }))).rejects.toMatchObject({
      code: "invalid_credentials",
    });
    expect(source.refusals).toEqual([]);
  });
});

describe("addresses", () => {
  it("lose the slash at their end and keep a prefix", () => {
    expect(serverUrl("http://localhost:7070/")).toBe("http://localhost:7070");
    expect(serverUrl("https://a.test/api/")).toBe("https://a.test/api");
  });

  it.each(["", "localhost:7070", "ftp://a", "https://a?b=1", "https://u:p@a"])("%j is none", (text) => {
    expect(() => serverUrl(text)).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("can't be climbed by a name", () => {
    expect(segment("a/b")).toBe("a%2Fb");
    for (const name of ["", ".", ".."]) expect(() => segment(name)).toThrow(/can't be a name/);
  });
});
