import { describe, expect, expectTypeOf, it } from "vitest";
import { withFunctions } from "../../../src/functions/index.js";
import { createClient } from "../../../src/index.js";
import { memoryStorage } from "../../../src/storage/storage.js";
import { FakeClock } from "../../support/clock.js";
import { fakeFetch, json, noContent, problem, type Reply } from "../../support/fetch.js";

const url = "https://api.test";

interface Functions {
  add: { input: { a: number; b: number }; output: { sum: number } };
  ping: { input: undefined; output: string };
}

function client(...replies: Reply[]) {
  const { fetch, sent } = fakeFetch(...replies);
  const clock = new FakeClock();
  const made = withFunctions(
    createClient<Record<string, object>, Functions>({ url, fetch, clock, storage: memoryStorage(), retries: 0 }),
  );
  return { client: made, sent, clock };
}

describe("a callable", () => {
  it("is called by its name, typed", async () => {
    const { client: c, sent } = client(json({ sum: 3 }), json("pong"), json({ sum: 5 }));
    const answer = await c.functions.add({ a: 1, b: 2 });
    expectTypeOf(answer).toEqualTypeOf<{ sum: number }>();
    expect(answer).toEqual({ sum: 3 });
    expect(await c.functions.ping()).toBe("pong");
    expect(await c.functions.invoke("add", { a: 2, b: 3 }, { alias: "beta" })).toEqual({ sum: 5 });
    expect(sent.map(({ method, path, body }) => [method, path, body])).toEqual([
      ["POST", "/v1/functions/add", { a: 1, b: 2 }],
      ["POST", "/v1/functions/ping", null],
      ["POST", "/v1/functions/add?alias=beta", { a: 2, b: 3 }],
    ]);
    // @ts-expect-error: b is missing
    expectTypeOf(c.functions.add).toBeCallableWith({ a: 1 });
  });

  it("refuses with its own code and details", async () => {
    const { client: c } = client(problem(418, "unlucky", {}, { n: 13 }));
    await expect(c.functions.add({ a: 13, b: 0 })).rejects.toMatchObject({
      name: "BasaltError",
      code: "unlucky",
      status: 418,
      details: { n: 13 },
    });
  });

  it("is none that an await or a console asks for", async () => {
    const { client: c, sent } = client();
    expect(await c.functions).toBe(c.functions);
    await expect(c.functions.invoke("a/b" as "add", { a: 1, b: 1 })).rejects.toMatchObject({ code: "bad_argument" });
    expect(sent).toEqual([]);
  });

  it("takes any name where none is declared", async () => {
    const { fetch } = fakeFetch(json({ ok: true }));
    const any = withFunctions(createClient({ url, fetch, storage: memoryStorage() }));
    expect(await any.functions.whatever?.({ x: 1 })).toEqual({ ok: true });
    expect(() => withFunctions(any)).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });
});

describe("a call that is started", () => {
  it("is waited for", async () => {
    const base = { id: "i1", function: "add" };
    const {
      client: c,
      sent,
      clock,
    } = client(
      json({ id: "i1" }, 202),
      json({ ...base, status: "running" }),
      json({ ...base, status: "succeeded", result: { sum: 3 } }),
    );
    expect(await c.functions.start("add", { a: 1, b: 2 })).toEqual({ id: "i1" });
    expect(sent[0]?.headers.prefer).toBe("respond-async");
    const waiting = c.invocations.wait("i1");
    await clock.advance(10_000);
    expect(await waiting).toEqual({ sum: 3 });
    expect(sent[2]?.path).toBe("/v1/invocations/i1");
  });

  it("throws what it failed with", async () => {
    const error = { status: 400, code: "unlucky", message: "not 13", n: 13 };
    const { client: c } = client(json({ id: "i1", function: "add", status: "failed", error }));
    await expect(c.invocations.wait("i1")).rejects.toMatchObject({
      code: "unlucky",
      message: "not 13",
      details: { n: 13, invocation: "i1" },
    });
  });
});

describe("tasks", () => {
  it("are enqueued, seen and canceled", async () => {
    const { client: c, sent } = client(json({ id: "t1" }, 202), json({ id: "t1", status: "pending" }), noContent());
    const task = await c.tasks.enqueue("add", { a: 1 }, { delay: "5m", key: "k", runAt: new Date(0) });
    expect((await c.tasks.get(task.id)).status).toBe("pending");
    await c.tasks.cancel(task.id);
    expect(sent.map(({ method, path, body }) => [method, path, body])).toEqual([
      [
        "POST",
        "/v1/tasks",
        { function: "add", input: { a: 1 }, delay: "5m", key: "k", runAt: "1970-01-01T00:00:00.000Z" },
      ],
      ["GET", "/v1/tasks/t1", undefined],
      ["DELETE", "/v1/tasks/t1", undefined],
    ]);
  });
});

describe("an http function", () => {
  it("answers as it likes", async () => {
    const refused = new Response("not today", { status: 409, headers: { "basalt-invocation": "i1" } });
    const { client: c, sent } = client(new Response("hello", { headers: { "x-a": "1" } }), refused);
    const answer = await c.functions.http("hook", "a/b", { query: { q: 1 } });
    expect([answer.status, await answer.text(), answer.headers.get("x-a")]).toEqual([200, "hello", "1"]);
    const other = await c.functions.http("hook", "", { method: "post", body: "raw" });
    expect([other.status, await other.text()]).toEqual([409, "not today"]);
    expect(sent.map(({ method, path, body, headers }) => [method, path, body, headers["content-type"]])).toEqual([
      ["GET", "/v1/functions/hook/a/b?q=1", undefined, undefined],
      ["POST", "/v1/functions/hook", "raw", "text/plain;charset=UTF-8"],
    ]);
  });

  it("that couldn't answer is an error", async () => {
    const { client: c } = client(problem(429, "function_busy"));
    await expect(c.functions.http("hook")).rejects.toMatchObject({ code: "function_busy" });
  });
});
