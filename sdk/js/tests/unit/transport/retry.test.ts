import { describe, expect, it } from "vitest";
import { BasaltError } from "../../../src/errors.js";
import { json, noContent, problem } from "../../support/fetch.js";
import { bench, tokens } from "./support.js";

const PATH = "/v1/collections/notes/documents";
const failed = () => new TypeError("fetch failed");

describe("what is tried again", () => {
  it("a read after a network failure, with growing waits", async () => {
    const { transport, sent, clock } = bench(tokens(null), failed(), failed(), json({ n: 1 }));
    const start = clock.now();
    const answer = await clock.until(transport.request<{ n: number }>({ method: "GET", path: "/v1/x" }));
    expect(answer.data).toEqual({ n: 1 });
    expect(sent).toHaveLength(3);
    expect(clock.now() - start).toBe(0.5 * 300 + 0.5 * 600);
  });

  it("a signed-in caller's write, under one key", async () => {
    const { transport, sent, clock } = bench(tokens("t"), failed(), problem(503, "outcome_unknown"), json({}, 201));
    await clock.until(transport.request({ method: "POST", path: PATH, body: { a: 1 } }));
    const keys = sent.map((request) => request.headers["idempotency-key"]);
    expect(keys[0]).toMatch(/^[0-9a-v]{32}$/);
    expect(new Set(keys).size).toBe(1);
  });

  it("not a visitor's POST whose outcome is unknown, and it carries no key", async () => {
    const { transport, sent, clock } = bench(tokens(null), failed());
    const call = transport.request({ method: "POST", path: PATH, body: {} });
    await expect(clock.until(call)).rejects.toMatchObject({ code: "network", status: 0 });
    expect(sent).toHaveLength(1);
    expect(sent[0]?.headers).not.toHaveProperty("idempotency-key");
  });

  it("a visitor's POST that was refused before anything was done", async () => {
    const { transport, sent, clock } = bench(tokens(null), problem(503, "overloaded"), json({}, 201));
    await clock.until(transport.request({ method: "POST", path: PATH, body: {} }));
    expect(sent).toHaveLength(2);
  });

  it("a visitor's PUT, but not one with a condition", async () => {
    const plain = bench(tokens(null), failed(), json({}));
    await plain.clock.until(plain.transport.request({ method: "PUT", path: `${PATH}/a`, body: {} }));
    expect(plain.sent).toHaveLength(2);
    const bound = bench(tokens(null), failed());
    const call = bound.transport.request({ method: "PUT", path: `${PATH}/a`, body: {}, headers: { "If-Match": "*" } });
    await expect(bound.clock.until(call)).rejects.toMatchObject({ code: "network" });
  });

  it("a query, although it is a POST", async () => {
    const { transport, sent, clock } = bench(tokens("t"), failed(), json({ items: [] }));
    await clock.until(transport.request({ method: "POST", path: "/v1/collections/n/query", body: {}, safe: true }));
    expect(sent).toHaveLength(2);
    expect(sent[1]?.headers).not.toHaveProperty("idempotency-key");
  });

  it("not what was decided: a refusal by the rules", async () => {
    const { transport, sent, clock } = bench(tokens("t"), problem(403, "rule_denied"));
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x" }))).rejects.toMatchObject({
      code: "rule_denied",
    });
    expect(sent).toHaveLength(1);
  });

  it("not more than three times", async () => {
    const { transport, sent, clock } = bench(tokens(null), failed(), failed(), failed(), failed(), failed());
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x" }))).rejects.toBeInstanceOf(BasaltError);
    expect(sent).toHaveLength(4);
  });

  it("after the wait that the server asks for, and not when it is too long", async () => {
    const short = bench(tokens(null), problem(429, "rate_limited", { "retry-after": "5" }), noContent());
    const start = short.clock.now();
    await short.clock.until(short.transport.request({ method: "POST", path: PATH, body: {} }));
    expect(short.clock.now() - start).toBe(5_000 + 150);
    const long = bench(tokens(null), problem(429, "rate_limited", { "retry-after": "600" }));
    const call = long.transport.request({ method: "GET", path: "/v1/x" });
    await expect(long.clock.until(call)).rejects.toMatchObject({ code: "rate_limited", retryAfter: 600_000 });
  });

  it("not as another user who signed in meanwhile", async () => {
    const users = ["u1", "u2"];
    let calls = 0;
    const source = { ...tokens("t"), userId: async () => users[Math.min(calls++, 1)] ?? null };
    const { transport, sent, clock } = bench(source, failed(), json({}));
    const call = transport.request({ method: "POST", path: PATH, body: {} });
    await expect(clock.until(call)).rejects.toMatchObject({ code: "network" });
    expect(sent).toHaveLength(1);
    calls = 0;
    const renewed = { ...source, ...tokens("t1", "t2"), userId: source.userId };
    const other = bench(renewed, problem(401, "invalid_token"), json({}));
    const second = other.transport.request({ method: "POST", path: PATH, body: {} });
    await expect(other.clock.until(second)).rejects.toMatchObject({ code: "invalid_token" });
    expect(other.sent).toHaveLength(1);
  });

  it("not at all where the caller wants none", async () => {
    const { transport, sent, clock } = bench(tokens(null), failed());
    await expect(clock.until(transport.request({ method: "GET", path: "/v1/x", retries: 0 }))).rejects.toMatchObject({
      code: "network",
    });
    expect(sent).toHaveLength(1);
  });
});

describe("idempotency keys", () => {
  it("are the caller's own where he gives one", async () => {
    const { transport, sent, clock } = bench(tokens("t"), json({}), json({}));
    await clock.until(transport.request({ method: "POST", path: PATH, body: {}, idempotencyKey: "mine" }));
    await clock.until(transport.request({ method: "POST", path: PATH, body: {}, idempotencyKey: false }));
    expect(sent.map((request) => request.headers["idempotency-key"])).toEqual(["mine", undefined]);
  });

  it("never go to /v1/auth and /v1/admin", async () => {
    const { transport, sent, clock } = bench(tokens("t"), json({}), json({}));
    await clock.until(transport.request({ method: "POST", path: "/v1/auth/logout", body: {} }));
    await clock.until(transport.request({ method: "PUT", path: "/v1/admin/roles/a", body: {} }));
    for (const request of sent) expect(request.headers).not.toHaveProperty("idempotency-key");
  });

  it("that can't be a header are refused", async () => {
    const { transport } = bench(tokens("t"));
    const call = transport.request({ method: "POST", path: PATH, body: {}, idempotencyKey: "a b" });
    await expect(call).rejects.toMatchObject({ code: "bad_argument" });
  });
});
