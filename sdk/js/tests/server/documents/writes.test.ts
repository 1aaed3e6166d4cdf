import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  append,
  type Client,
  createClient,
  type Fetch,
  increment,
  max,
  min,
  remove,
  serverNow,
  set,
  union,
  unset,
  where,
} from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes, signedUp } from "./app.js";

describe.each(engines)("writes on %s", (engine) => {
  let server: TestServer;
  let ann: Client<Notes>;
  let bob: Client<Notes>;
  let owner: string;
  const visitor = () => createClient<Notes>({ url: server.url });
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
    [ann, bob] = await Promise.all([signedUp(server, "ann@example.com"), signedUp(server, "bob@example.com")]);
    owner = ann.auth.user?.id ?? "";
  });
  afterAll(() => server.stop());
  const notes = () => ann.collection("notes");

  it("create with an id made here that sorts by time, or one's own", async () => {
    const first = await notes().create({ title: "a", owner, n: 1 });
    expect(first).toMatchObject({ title: "a", owner, n: 1, rev: expect.any(String), createdAt: expect.any(String) });
    expect(first.id).toMatch(/^[0-9a-v]{24}$/);
    const own = await notes().create({ id: "own", title: "b", owner, n: 2 });
    expect(own.id).toBe("own");
    expect(await notes().get("own")).toEqual(own);
    await expect(notes().create({ id: "own", title: "c", owner, n: 3 })).rejects.toMatchObject({
      code: "document_exists",
    });
  });

  it("replace what is there, upsert what may be", async () => {
    await expect(notes().replace("none", { title: "x", owner, n: 1 })).rejects.toMatchObject({ status: 412 });
    const made = await notes().upsert("ups", { title: "x", owner, n: 1 });
    const replaced = await notes().replace("ups", { title: "y", owner, n: 1 }, { ifMatch: made.rev });
    expect(replaced.title).toBe("y");
    const stale = notes().replace("ups", { title: "z", owner, n: 1 }, { ifMatch: made.rev });
    await expect(stale).rejects.toMatchObject({ code: "precondition_failed", status: 412 });
  });

  it("patch with operators, exactly", async () => {
    await notes().create({
      id: "ops",
      title: "t",
      owner,
      n: 5,
      tags: ["a", "b"],
      status: "open",
      meta: { color: "red" },
    });
    const changed = await notes().update("ops", {
      n: increment(2),
      tags: union("b", "c"),
      status: unset(),
      meta: set({ pinned: true }),
      due: serverNow(),
    });
    expect(changed).toMatchObject({
      n: 7,
      tags: ["a", "b", "c"],
      meta: { pinned: true },
      due: expect.stringMatching(/Z$/),
    });
    expect(changed).not.toHaveProperty("status");
    expect((await notes().update("ops", { n: max(3), tags: remove("a") })).n).toBe(7);
    const last = await notes().update("ops", {
      n: min(3),
      tags: append("z", "z"),
      meta: { color: "blue" },
      gone: set(null),
    });
    expect(last).toMatchObject({ n: 3, tags: ["b", "c", "z", "z"], meta: { pinned: true, color: "blue" }, gone: null });
    await Promise.all(Array.from({ length: 20 }, () => notes().update("ops", { n: increment() })));
    expect((await notes().get("ops")).n).toBe(23);
    await expect(notes().update("ops", { title: increment() })).rejects.toMatchObject({
      code: "operator_type_mismatch",
    });
  });

  it("patch as RFC 6902 says", async () => {
    await notes().create({ id: "json", title: "t", owner, n: 1, tags: ["a"] });
    const changed = await notes().patch("json", [{ op: "add", path: "/tags/0", value: "z" }]);
    expect(changed.tags).toEqual(["z", "a"]);
    const test = notes().patch("json", [{ op: "test", path: "/n", value: 2 }]);
    await expect(test).rejects.toMatchObject({ code: "patch_failed", status: 409 });
  });

  it("only under a condition, whose values are bound", async () => {
    await notes().create({ id: "cond", title: "t", owner, n: 1, status: "open" });
    const open = where("status", "==", "open");
    expect((await notes().update("cond", { status: "done" }, { where: open })).status).toBe("done");
    const again = notes().update("cond", { n: 9 }, { where: open });
    await expect(again).rejects.toMatchObject({ code: "condition_failed", status: 409 });
    const present = where("status", "has", true);
    expect((await notes().replace("cond", { title: "u", owner, n: 2 }, { where: present })).title).toBe("u");
    await expect(notes().delete("cond", { where: where("n", ">", 2) })).rejects.toMatchObject({
      code: "condition_failed",
    });
    await notes().delete("cond", { where: where("n", "==", 2) });
    await expect(notes().get("cond")).rejects.toMatchObject({ code: "document_not_found", status: 404 });
  });

  it("upsert a patch", async () => {
    const stock = ann.collection("stock");
    expect((await stock.update("s1", { left: increment(3) }, { upsert: true })).left).toBe(3);
    expect((await stock.update("s1", { left: increment(3) }, { upsert: true })).left).toBe(6);
    await expect(stock.update("s2", { left: 1 })).rejects.toMatchObject({ code: "document_not_found" });
  });

  it("happen once when their answers get lost", async () => {
    let lost = 0;
    const losing: Fetch = async (input, init) => {
      const answer = await fetch(input, init);
      if (init?.method !== "PATCH" || lost++ > 0) return answer;
      throw new TypeError("the answer was lost");
    };
    const client = createClient<Notes>({ url: server.url, fetch: losing });
    await client.auth.login({ email: "ann@example.com", password: "correct horse battery" });
    await notes().create({ id: "once", title: "t", owner, n: 0 });
    expect((await client.collection("notes").update("once", { n: increment() })).n).toBe(1);
    expect(lost).toBe(2);
    expect((await notes().get("once")).n).toBe(1);
  });

  it("answer with id and rev alone where the writer may not read", async () => {
    const letter = await ann.collection("letters").create({ to: bob.auth.user?.id ?? "", text: "hello" });
    expect(Object.keys(letter).sort()).toEqual(["id", "rev"]);
    expect((await bob.collection("letters").get(letter.id)).text).toBe("hello");
  });

  it("are kept as history and can be gone back to", async () => {
    const page = notes().doc("hist");
    await page.upsert({ title: "one", owner, n: 1 });
    await page.update({ title: "two" });
    const { items } = await page.history();
    expect(items.map(({ document }) => document?.title)).toEqual(["two", "one"]);
    expect((await page.restore(items[1]?.seq ?? "")).title).toBe("one");
    await expect(bob.collection("notes").doc("hist").history()).rejects.toMatchObject({ code: "document_not_found" });
    await expect(visitor().collection("notes").doc("hist").history()).rejects.toMatchObject({
      code: "document_not_found",
    });
  });

  it("are refused to visitors and strangers, who learn nothing", async () => {
    await notes().upsert("mine", { title: "secret", owner, n: 1 });
    const refusals = async (client: Client<Notes>, code: string) => {
      const theirs = client.collection("notes");
      await expect(theirs.get("mine")).rejects.toMatchObject({ code: "document_not_found" });
      await expect(theirs.create({ title: "x", owner, n: 1 })).rejects.toMatchObject({ code });
      await expect(theirs.update("mine", { n: 2 })).rejects.toMatchObject({ status: expect.toBeOneOf([401, 404]) });
      await expect(theirs.delete("mine")).rejects.toMatchObject({ status: expect.toBeOneOf([401, 404]) });
      await expect(theirs.patch("mine", [])).rejects.toMatchObject({ status: expect.toBeOneOf([401, 404]) });
    };
    await refusals(visitor(), "unauthenticated");
    await refusals(bob, "rule_denied");
    await notes().update("mine", { members: [bob.auth.user?.id ?? ""] });
    expect((await bob.collection("notes").get("mine")).title).toBe("secret");
    await expect(bob.collection("notes").delete("mine")).rejects.toMatchObject({ code: "rule_denied", status: 403 });
    await notes().doc("mine").delete();
    await expect(notes().delete("mine")).rejects.toMatchObject({ code: "document_not_found" });
  });

  it("aren't sent when they can't be meant", async () => {
    await expect(notes().get("a/b")).rejects.toMatchObject({ code: "bad_argument" });
    await expect(notes().delete("../x")).rejects.toMatchObject({ code: "bad_argument" });
    expect(() => ann.collection("no-name" as "notes")).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });
});
