/** Functions by the SDK: what is deployed, called, seen and undone. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AdminClient, createAdmin } from "../../../src/admin/index.js";
import { withFunctions } from "../../../src/functions/index.js";
import { createClient } from "../../../src/index.js";
import { memoryStorage } from "../../../src/storage/storage.js";
import { engines, startServer, type TestServer } from "../../support/server.js";

interface Functions {
  add: { input: { a: number; b: number }; output: { sum: number; version: number } };
  whoami: { input: undefined; output: { id: string | null } };
}

const source = (version: number) => `
  import { callable, FunctionError, onDocument } from "basalt:functions";
  export const add = callable({ invoke: "auth != null" }, ({ a, b }: { a: number; b: number }, ctx) => {
    console.log("adding", { a, b });
    if (a < 0) throw new FunctionError("negative", "Only upwards.", { a }, 409);
    return { sum: a + b, version: ${version}, token: ctx.secrets.TOKEN };
  });
  export const whoami = callable({ invoke: "true" }, (_, ctx) => ({ id: ctx.auth?.id ?? null }));
  export const fails = onDocument("notes", { on: ["create"], retries: 0 }, ({ doc }) => {
    if (doc.bad) throw new Error("a bad note");
  });`;
const files = (version: number) => ({ "functions/main.ts": source(version) });

const APP = `
[collections.notes.rules]
create = "auth != null"
read = "auth != null"
`;

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const end = Date.now() + 20_000; ; ) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > end) throw new Error("waited in vain");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe.each(engines)("functions on %s", (engine) => {
  let server: TestServer;
  let admin: AdminClient;
  const visitor = () =>
    withFunctions(createClient<Record<string, object>, Functions>({ url: server.url, storage: memoryStorage() }));
  async function user(name: string) {
    const client = visitor();
    await client.auth.signUp({ email: `${name}@example.com`, password: "correct horse battery" });
    return client;
  }

  beforeAll(async () => {
    server = await startServer({ engine, app: APP });
    admin = createAdmin({ url: server.url, key: server.key });
    await admin.functions.deploy({ files: files(1) });
  });
  afterAll(() => server.stop());

  it("are called by who may", async () => {
    const ann = await user("ann");
    expect(await ann.functions.add({ a: 1, b: 2 })).toEqual({ sum: 3, version: 1 });
    expect((await ann.functions.whoami()).id).toBe(ann.auth.user?.id);
    await expect(ann.functions.add({ a: -1, b: 2 })).rejects.toMatchObject({
      code: "negative",
      status: 409,
      message: "Only upwards.",
      details: { a: -1 },
    });
    await expect(visitor().functions.add({ a: 1, b: 2 })).rejects.toMatchObject({ code: "unauthenticated" });
    expect((await visitor().functions.whoami()).id).toBeNull();
    expect(await admin.functions.invoke("add", { a: 4, b: 4 })).toMatchObject({ sum: 8 });
    await expect(ann.functions.invoke("nothing" as "add", { a: 1, b: 1 })).rejects.toMatchObject({
      code: "function_not_found",
    });
  });

  it("are the caller's to wait for", async () => {
    const [ann, ben] = [await user("ann2"), await user("ben2")];
    const { id } = await ann.functions.start("add", { a: 1, b: 1 });
    expect(await ann.invocations.wait(id)).toMatchObject({ sum: 2 });
    await expect(ben.invocations.get(id)).rejects.toMatchObject({ code: "invocation_not_found" });
    const failing = await ann.functions.start("add", { a: -5, b: 1 });
    await expect(ann.invocations.wait(failing.id)).rejects.toMatchObject({ code: "negative" });
    const task = await ann.tasks.enqueue("add", { a: 2, b: 2 });
    const done = await until(async () => {
      const now = await ann.tasks.get<{ sum: number }>(task.id);
      return now.status === "succeeded" ? now : undefined;
    });
    expect(done.result?.sum).toBe(4);
    await expect(ben.tasks.get(task.id)).rejects.toMatchObject({ code: "task_not_found" });
  });

  it("say where a mistake is, and change nothing", async () => {
    const bad = { files: { "functions/main.ts": 'import { callable } from "basalt:functions";\nexport const x = (;' } };
    await expect(admin.functions.deploy(bad)).rejects.toMatchObject({
      code: "invalid_definition",
      errors: [{ path: "/functions/main.ts", line: 2 }],
    });
    const { plan, applied } = await admin.functions.plan({ files: files(9) });
    expect(applied).toBe(false);
    expect(plan.find((one) => one.function === "add")?.change).toBe("changed");
    expect(await admin.functions.invoke("add", { a: 0, b: 0 })).toMatchObject({ version: 1 });
  });

  it("have versions that are gone back to, and secrets by alias", async () => {
    const ann = await user("ann3");
    await admin.secrets.set("TOKEN", "for-all");
    await admin.secrets.set("TOKEN", "for-beta", { alias: "beta" });
    await admin.functions.deploy({ files: files(2), alias: "beta" });
    const input = { a: 1, b: 1 };
    expect(await ann.functions.invoke("add", input, { alias: "beta" })).toMatchObject({
      version: 2,
      token: "for-beta",
    });
    expect(await ann.functions.add(input)).toMatchObject({ version: 1, token: "for-all" });
    expect((await admin.secrets.list()).map(({ name, alias }) => [name, alias])).toContainEqual(["TOKEN", "beta"]);
    await admin.functions.deploy({ files: files(2) });
    expect(await ann.functions.add(input)).toMatchObject({ version: 2 });
    await admin.functions.rollback("add");
    expect(await ann.functions.add(input)).toMatchObject({ version: 1 });
    const { versions } = await admin.functions.get("add");
    expect((await admin.functions.version("add", versions[0] ?? 1)).sources?.["functions/main.ts"]).toContain("adding");
  });

  it("are seen while they run and afterwards", async () => {
    const stop = new AbortController();
    const lines = admin.logs.follow({ function: "add" }, stop);
    const first = lines.next();
    // Followers are told what comes from now on, so it is called until one hears it.
    const calling = setInterval(() => void admin.functions.invoke("add", { a: 7, b: 7 }).catch(() => {}), 100);
    const { value } = await first;
    clearInterval(calling);
    expect(value).toMatchObject({ function: "add", level: "info", message: "adding", fields: { a: 7, b: 7 } });
    stop.abort();
    const record = await until(async () => {
      const { items } = await admin.invocations.list({ function: "add", outcome: "succeeded" });
      return items[0];
    });
    expect(record).toMatchObject({ function: "add", outcome: "succeeded" });
    expect((await admin.invocations.get(record.id)).logs[0]?.message).toBe("adding");
    expect(await admin.functions.usage()).toBeInstanceOf(Array);
  });

  it("leave letters, which are tried again or dropped", async () => {
    const ann = await user("ann4");
    const note = await ann.collection("notes").create({ bad: true } as object);
    const letter = await until(async () => {
      const { items } = await admin.deadLetters.list({ target: "function/fails" });
      return items[0];
    });
    expect(letter).toMatchObject({ target: { kind: "function", name: "fails" }, attempts: 1 });
    expect(await admin.deadLetters.get(letter.id)).toMatchObject({ event: { doc: { id: note.id } } });
    await admin.deadLetters.replay(letter.id);
    const again = await until(async () => {
      const { items } = await admin.deadLetters.list({ target: "function/fails" });
      return items.find(({ id }) => id !== letter.id) ?? items.find(({ diedAt }) => diedAt !== letter.diedAt);
    });
    await admin.deadLetters.delete(again.id);
    await expect(admin.deadLetters.get(again.id)).rejects.toMatchObject({ code: "dead_letter_not_found" });
  });

  it("run at times, and events go outside", async () => {
    await admin.schedules.put("nightly", { cron: "0 3 * * *", function: "whoami", timezone: "Asia/Shanghai" });
    const { id } = await admin.schedules.run("nightly");
    const run = await until(async () => {
      const runs = await admin.schedules.runs("nightly");
      return runs.find((one) => one.id === id && one.outcome === "succeeded");
    });
    expect(run.manual).toBe(true);
    await admin.schedules.delete("nightly");
    const made = await admin.webhooks.create({ name: "crm", url: "https://crm.example.com/hook", enabled: false });
    expect(made.secret).toMatch(/^whsec_/);
    expect((await admin.webhooks.rotate("crm")).secret).not.toBe(made.secret);
    expect((await admin.webhooks.list()).map(({ name }) => name)).toEqual(["crm"]);
    await admin.webhooks.delete("crm");
  });
});
