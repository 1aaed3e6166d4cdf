import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Client, createClient, increment, where } from "../../../src/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes, signedUp } from "../documents/app.js";

describe.each(engines)("transactions on %s", (engine) => {
  let server: TestServer;
  let ann: Client<Notes>;
  let bob: Client<Notes>;
  let owner: string;
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
    [ann, bob] = await Promise.all([signedUp(server, "ann@example.com"), signedUp(server, "bob@example.com")]);
    owner = ann.auth.user?.id ?? "";
  });
  afterAll(() => server.stop());

  it("write all, in order, each seeing those before", async () => {
    const { results, seq } = await ann
      .transaction()
      .create("notes", { id: "t1", title: "a", owner, n: 1 })
      .update("notes", "t1", { n: increment(4) }, { where: where("n", "==", 1) })
      .check("notes", "t1", true, { where: where("n", "==", 5) })
      .replace("stock", "s1", { left: 2 })
      .commit();
    expect(results.map(({ id }) => id)).toEqual(["t1", "t1", "t1", "s1"]);
    expect(results[1]?.document).toMatchObject({ n: 5 });
    expect(seq).toEqual(expect.any(String));
    await ann.transaction().delete("notes", "t1").check("notes", "t1", false).commit();
    await expect(ann.collection("notes").get("t1")).rejects.toMatchObject({ code: "document_not_found" });
  });

  it("sell the last piece once", async () => {
    await ann.collection("stock").upsert("last", { left: 1 });
    const buy = (client: Client<Notes>) =>
      client
        .transaction()
        .update("stock", "last", { left: increment(-1) }, { where: where("left", ">=", 1) })
        .commit();
    const outcomes = await Promise.allSettled([buy(ann), buy(bob), buy(ann), buy(bob)]);
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    const refused = outcomes.filter((outcome) => outcome.status === "rejected");
    for (const { reason } of refused)
      expect(reason).toMatchObject({ code: "condition_failed", details: { operation: 0 } });
    expect((await ann.collection("stock").get("last")).left).toBe(0);
  });

  it("write nothing when one fails, and say which", async () => {
    const transaction = ann.transaction().create("stock", { id: "half", left: 1 }).delete("notes", "missing");
    await expect(transaction.commit()).rejects.toMatchObject({ code: "document_not_found", details: { operation: 1 } });
    await expect(ann.collection("stock").get("half")).rejects.toMatchObject({ code: "document_not_found" });
  });

  it("happen once under one key", async () => {
    const commit = () => {
      const transaction = ann.transaction().update("stock", "key", { left: increment() }, { upsert: true });
      return transaction.commit({ idempotencyKey: "transaction-key" });
    };
    const [one, two] = [await commit(), await commit()];
    expect(two).toEqual(one);
    expect((await ann.collection("stock").get("key")).left).toBe(1);
  });

  it("ask the rules of each door", async () => {
    const write = (client: Client<Notes>) => client.transaction().create("notes", { title: "x", owner, n: 1 }).commit();
    await expect(write(createClient<Notes>({ url: server.url }))).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(write(bob)).rejects.toMatchObject({ code: "rule_denied" });
    expect((await write(ann)).results).toHaveLength(1);
  });

  it("are refused here when empty, too long or used twice", async () => {
    await expect(ann.transaction().commit()).rejects.toMatchObject({ code: "bad_argument" });
    const long = ann.transaction();
    for (let n = 0; n < 500; n++) long.delete("notes", `n${n}`);
    expect(() => long.delete("notes", "n500")).toThrow(/at most 500/);
    const used = ann.transaction().create("stock", { left: 1 });
    await used.commit();
    await expect(used.commit()).rejects.toMatchObject({ code: "bad_argument" });
    expect(() => used.delete("stock", "a")).toThrow(/committed already/);
  });
});
