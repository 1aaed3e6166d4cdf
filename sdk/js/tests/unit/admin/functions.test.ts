import { describe, expect, it } from "vitest";
import { createAdmin } from "../../../src/admin/index.js";
import { FakeClock } from "../../support/clock.js";
import { fakeFetch, json, noContent, type Reply } from "../../support/fetch.js";

function admin(...replies: Reply[]) {
  const { fetch, sent } = fakeFetch(...replies);
  return { admin: createAdmin({ url: "https://api.test", key: "bst_sk_abc", fetch, clock: new FakeClock() }), sent };
}

const asked = (sent: { method: string; path: string; body: unknown }[]) =>
  sent.map(({ method, path, body }) => [method, path, body]);

describe("functions", () => {
  it("are deployed, versioned, moved and called", async () => {
    const { admin: a, sent } = admin(...Array.from({ length: 9 }, () => json({ items: [] })));
    const files = { "functions/add.ts": "export {}" };
    await a.functions.deploy({ files, alias: "beta" });
    await a.functions.plan({ files });
    await a.functions.list();
    await a.functions.versions("add");
    await a.functions.version("add", 2);
    await a.functions.setAlias("add", "live", 2);
    await a.functions.rollback("add");
    await a.functions.invoke("add", { a: 1 }, { alias: "beta" });
    await a.functions.usage({ from: "2026-11-01" });
    expect(asked(sent)).toEqual([
      ["POST", "/v1/admin/functions/deploy", { files, alias: "beta" }],
      ["POST", "/v1/admin/functions/deploy", { files, plan: true }],
      ["GET", "/v1/admin/functions", undefined],
      ["GET", "/v1/admin/functions/add/versions", undefined],
      ["GET", "/v1/admin/functions/add/versions/2", undefined],
      ["PUT", "/v1/admin/functions/add/aliases/live", { versions: [{ version: 2, weight: 100 }] }],
      ["POST", "/v1/admin/functions/add/rollback", {}],
      ["POST", "/v1/functions/add?alias=beta", { a: 1 }],
      ["GET", "/v1/admin/usage?from=2026-11-01", undefined],
    ]);
  });

  it("have secrets, records and an app", async () => {
    const { admin: a, sent } = admin(noContent(), noContent(), json({ items: [] }), json({ id: "i" }), json({}));
    await a.secrets.set("TOKEN", "x", { alias: "beta" });
    await a.secrets.delete("TOKEN");
    await a.invocations.list({ function: "add", outcome: "failed" });
    await a.invocations.get("i");
    await a.deployments.deploy(new Uint8Array([80, 75]), { plan: true, remove: ["function:a", "bucket:b"] });
    expect(asked(sent).slice(0, 4)).toEqual([
      ["PUT", "/v1/admin/secrets/TOKEN", { value: "x", alias: "beta" }],
      ["DELETE", "/v1/admin/secrets/TOKEN", undefined],
      ["GET", "/v1/admin/invocations?function=add&outcome=failed", undefined],
      ["GET", "/v1/admin/invocations/i", undefined],
    ]);
    expect(sent[4]?.path).toBe("/v1/admin/deploy?plan=true&remove=function%3Aa%2Cbucket%3Ab");
    expect([sent[4]?.headers["content-type"], sent[4]?.body]).toEqual(["application/zip", new Uint8Array([80, 75])]);
  });
});

describe("logs", () => {
  it("are followed line by line", async () => {
    const line = (message: string) => `data: ${JSON.stringify({ level: "info", message })}\n\n`;
    const body = `retry: 2000\n\n: heartbeat\n\n${line("one")}${line("two")}`;
    const { admin: a, sent } = admin(new Response(body, { headers: { "content-type": "text/event-stream" } }));
    const seen: string[] = [];
    for await (const { message } of a.logs.follow({ function: "add", level: "warn" })) {
      seen.push(message);
      if (seen.length === 2) break;
    }
    expect(seen).toEqual(["one", "two"]);
    expect(sent[0]?.path).toBe("/v1/admin/logs?function=add&level=warn&follow=true");
  });
});

describe("who events go to", () => {
  it("is declared, tried and looked at", async () => {
    const { admin: a, sent } = admin(...Array.from({ length: 8 }, () => json({ items: [] })));
    const schedule = { cron: "0 3 * * *", function: "cleanup" };
    await a.schedules.put("nightly", schedule);
    await a.schedules.run("nightly");
    await a.webhooks.create({ url: "https://h/", events: "op == 'create'" });
    await a.webhooks.rotate("crm", { overlap: "0s" });
    await a.webhooks.deliveries("crm", { limit: 5 });
    await a.webhooks.replay("crm", "d1");
    await a.deadLetters.list({ target: "function/count" });
    await a.deadLetters.replay("l1");
    expect(asked(sent)).toEqual([
      ["PUT", "/v1/admin/schedules/nightly", schedule],
      ["POST", "/v1/admin/schedules/nightly/run", undefined],
      ["POST", "/v1/admin/webhooks", { url: "https://h/", events: "op == 'create'" }],
      ["POST", "/v1/admin/webhooks/crm/rotate", { overlap: "0s" }],
      ["GET", "/v1/admin/webhooks/crm/deliveries?limit=5", undefined],
      ["POST", "/v1/admin/webhooks/crm/deliveries/d1/replay", undefined],
      ["GET", "/v1/admin/deadletters?target=function%2Fcount", undefined],
      ["POST", "/v1/admin/deadletters/l1/replay", undefined],
    ]);
  });
});
