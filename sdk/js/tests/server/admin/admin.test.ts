import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AdminClient, createAdmin } from "../../../src/admin/index.js";
import { createClient, where } from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes, PASSWORD, signedUp } from "../documents/app.js";

describe.each(engines)("the admin API on %s", (engine) => {
  let server: TestServer;
  let admin: AdminClient<Notes>;
  const withKey = (key?: string) => createAdmin<Notes>({ url: server.url, ...(key && { key }) });
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
    admin = withKey(server.key);
  });
  afterAll(() => server.stop());

  it("knows who calls", async () => {
    expect(await admin.me()).toMatchObject({ type: "service", scopes: ["*"] });
    await expect(withKey().me()).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(withKey("bst_sk_wrong").me()).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("defines, plans and drops collections", async () => {
    const definition = { rules: { read: "true" }, schema: { type: "object", properties: { n: { type: "integer" } } } };
    expect((await admin.collections.plan("plans", definition)).added).toEqual(["plans"]);
    await expect(admin.collections.get("plans")).rejects.toMatchObject({ code: "collection_not_found" });
    await admin.collections.put("plans", definition);
    expect((await admin.collections.get("plans")).definition).toMatchObject({ schema: definition.schema });
    expect((await admin.collections.list()).map(({ name }) => name)).toContain("plans");
    const open = admin.collections.put("plans", { rules: { write: "true" } });
    await expect(open).rejects.toMatchObject({ code: "plan_refused", status: 409 });
    const broken = admin.collections.put("plans", { rules: { read: "auth." } });
    await expect(broken).rejects.toMatchObject({ code: "invalid_definition", errors: [expect.anything()] });
    await expect(admin.collections.delete("plans", "another")).rejects.toMatchObject({ code: "plan_refused" });
    await admin.collections.delete("plans", "plans");
    await expect(admin.collections.get("plans")).rejects.toMatchObject({ code: "collection_not_found" });
  });

  it("makes, finds, changes and ends users", async () => {
    await admin.roles.put("editor", { description: "Writes" });
    const user = await admin.users.create({ email: "made@example.com", password: PASSWORD, roles: ["editor"] });
    const { items, total } = await admin.users.list({ where: where("email", "==", "made@example.com"), count: true });
    expect([items[0]?.id, total]).toEqual([user.id, 1]);
    const client = createClient<Notes>({ url: server.url });
    await client.auth.login({ email: "made@example.com", password: PASSWORD });
    expect(await admin.users.sessions(user.id)).toHaveLength(1);
    expect((await admin.users.update(user.id, { data: { displayName: "Made" } })).displayName).toBe("Made");
    await admin.users.endSessions(user.id);
    await expect(client.auth.me()).rejects.toMatchObject({ code: "session_ended" });
    await admin.users.delete(user.id);
    await expect(admin.users.get(user.id)).rejects.toMatchObject({ code: "user_not_found" });
    expect((await admin.roles.get("editor")).description).toBe("Writes");
    await admin.roles.delete("editor");
    expect((await admin.roles.list()).map(({ name }) => name)).not.toContain("editor");
    const { items: entries } = await admin.audit.list({ limit: 100 });
    expect(entries.map(({ action }) => action)).toEqual(expect.arrayContaining(["users.create", "users.delete"]));
  });

  it("binds what it looks for, also where there are no vars", async () => {
    const evil = `" || true || "`;
    expect((await admin.users.list({ where: where("email", "==", evil) })).items).toEqual([]);
    await signedUp(server, "quote@example.com");
    expect((await admin.users.list({ where: where("email", "in", ["quote@example.com"]) })).items).toHaveLength(1);
  });

  it("makes and revokes keys, whose scopes hold", async () => {
    const { id, key } = await admin.keys.create({ name: "reader", scopes: ["documents:read:notes"] });
    const reader = withKey(key);
    expect((await reader.collection("notes").list()).items).toEqual([]);
    await expect(reader.collection("stock").list()).rejects.toMatchObject({ code: "scope_missing", status: 403 });
    await expect(reader.collection("notes").create({ title: "x", owner: "o", n: 1 })).rejects.toMatchObject({
      code: "scope_missing",
    });
    await expect(reader.users.list()).rejects.toMatchObject({ code: "scope_missing" });
    expect((await admin.keys.list()).map((one) => one.id)).toContain(id);
    await admin.keys.delete(id);
    await expect(reader.collection("notes").list()).rejects.toMatchObject({ code: "invalid_token" });
  });

  it("has operators and channel patterns", async () => {
    const operator = await admin.operators.create({ email: "op@example.com", role: "viewer", password: PASSWORD });
    expect((await admin.operators.update(operator.id, { role: "editor" })).role).toBe("editor");
    expect((await admin.operators.get(operator.id)).email).toBe("op@example.com");
    expect(await admin.operators.list()).toHaveLength(1);
    await admin.channels.put("room:{room}", { join: "auth != null" });
    expect((await admin.channels.get("room:{room}")).rules.join).toBe("auth != null");
    expect((await admin.channels.list()).map(({ pattern }) => pattern)).toEqual(["room:{room}"]);
    await admin.channels.delete("room:{room}");
    expect(await admin.channels.list()).toEqual([]);
  });

  it("says why a rule says what it says, and who can do what", async () => {
    const auth = { id: "u1" };
    const asked = { collection: "notes", op: "get", auth, doc: { id: "n", owner: "u2" } };
    expect(await admin.rules.simulate(asked)).toMatchObject({ allowed: false });
    expect(await admin.rules.simulate({ ...asked, auth: { id: "u2" } })).toMatchObject({ allowed: true });
    const access = await admin.rules.access();
    expect(access).toContainEqual(expect.objectContaining({ collection: "stock", op: "get", visitor: "always" }));
  });

  it("explains queries, writes past the rules, and measures itself", async () => {
    await admin.collection("notes").create({ title: "service", owner: "nobody", n: 1 });
    expect((await admin.collection("notes").where("owner", "==", "nobody").explain()).plan.branches).toHaveLength(1);
    expect(await admin.metrics()).toContain("basalt_");
    await expect(withKey().metrics()).rejects.toMatchObject({ status: 401 });
  });

  it("is closed to visitors at each door", async () => {
    const visitor = withKey();
    const doors: Promise<unknown>[] = [
      visitor.collections.list(),
      visitor.users.list(),
      visitor.roles.list(),
      visitor.keys.create({ name: "k", scopes: ["*"] }),
      visitor.operators.list(),
      visitor.channels.list(),
      visitor.rules.access(),
      visitor.rules.simulate({ collection: "notes", op: "get" }),
      visitor.audit.list(),
      visitor.changes.page(),
      visitor.changes.consumers(),
      visitor.import("notes", [{ title: "x" }]),
    ];
    const refused = (door: Promise<unknown>) =>
      expect(door).rejects.toMatchObject({ status: expect.toBeOneOf([401, 403]) });
    await Promise.all(doors.map(refused));
  });
});
