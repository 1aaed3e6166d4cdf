import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BasaltError } from "../../../src/errors.js";
import { COMBINATIONS, Inbox, Place, watch } from "./support.js";

describe.each(COMBINATIONS)("live queries on %s by %s", { timeout: 120_000 }, (engine, way) => {
  let place: Place;
  beforeAll(async () => {
    place = await Place.open(engine, way);
  });
  afterAll(() => place.close());

  it("show the result and what becomes of it", async () => {
    const { client } = await place.user("ann");
    const open = client.collection("open");
    await open.create({ id: "show-1", n: 1 });
    const seen = watch(open.where("n", "<", 100).where("text", "==", "show").orderBy("n"));
    await seen.untilIds();
    await open.update("show-1", { text: "show" });
    await seen.untilIds("show-1");
    await open.create({ id: "show-0", n: 0, text: "show" });
    await seen.untilIds("show-0", "show-1");
    await open.update("show-1", { n: -1 });
    const { changes } = await seen.untilIds("show-1", "show-0");
    expect(changes.map(({ op, doc, index }) => [op, doc.id, index])).toEqual([["modified", "show-1", 0]]);
    await open.delete("show-1");
    await seen.untilIds("show-0");
    expect(seen.all.at(-1)?.state).toBe("live");
  });

  it("tell the writes of a transaction together", async () => {
    const { client } = await place.user("ann");
    const seen = watch(client.collection("open").where("text", "==", "together").orderBy("n"));
    await seen.untilIds();
    const transaction = client.transaction();
    for (let n = 0; n < 5; n++) transaction.create("open", { id: `t${n}`, n, text: "together" });
    await transaction.commit();
    const { changes } = await seen.untilIds("t0", "t1", "t2", "t3", "t4");
    expect(changes).toHaveLength(5);
    expect(seen.all).toHaveLength(2);
  });

  it("of another query run over the same connection, and one document is one, too", async () => {
    const { client } = await place.user("ann");
    const open = client.collection("open");
    const first = watch(open.where("text", "==", "several-1"));
    await first.untilIds();
    const second = watch(open.where("text", "==", "several-2"));
    await second.untilIds();
    const one = new Inbox<number | null>();
    open.doc("several").subscribe(({ document }) => one.push(document?.n ?? null));
    await one.until((n) => n === null);
    await open.create({ id: "several", n: 7, text: "several-1" });
    await first.untilIds("several");
    await one.until((n) => n === 7);
    await open.update("several", { text: "several-2" });
    await Promise.all([first.untilIds(), second.untilIds("several")]);
  });

  it("can be read in a loop", async () => {
    const { client } = await place.user("ann");
    const open = client.collection("open");
    const wanted: string[] = [];
    for await (const { documents } of open.where("text", "==", "loop").orderBy("n").live()) {
      wanted.push(documents.map(({ id }) => id).join());
      if (documents.length === 2) break;
      await open.create({ id: `loop-${documents.length}`, n: documents.length, text: "loop" });
    }
    expect(wanted).toEqual(["", "loop-0", "loop-0,loop-1"]);
  });

  it("tell of errors where they belong", async () => {
    const { client } = await place.user("ann");
    const bad = new Inbox<BasaltError>();
    client.realtime.subscribe(
      { collection: "open", sort: ["$a"] },
      { snapshot: () => {}, changes: () => {}, error: bad.push },
    );
    const none = watch(client.collection("rooms"));
    const good = watch(client.collection("open").where("text", "==", "errors"));
    await bad.until(({ code }) => code === "bad_parameter");
    await none.errors.until(({ code }) => code === "rule_missing");
    await good.untilIds();
    await client.collection("open").create({ id: "errors", n: 1, text: "errors" });
    await good.untilIds("errors");
  });

  it("show each what is his, and to nobody what he may no longer see", async () => {
    const [ann, ben] = await Promise.all([place.user("ann"), place.user("ben")]);
    const notes = ann.client.collection("notes");
    const seen = watch(ben.client.collection("notes"));
    await seen.untilIds();
    await notes.create({ id: `shared-${way}`, owner: ann.id, members: [ben.id] });
    await notes.create({ id: `hers-${way}`, owner: ann.id, members: [] });
    await seen.untilIds(`shared-${way}`);
    await notes.update(`shared-${way}`, { members: [] });
    await seen.untilIds();
    await notes.update(`shared-${way}`, { members: [ben.id] });
    await seen.untilIds(`shared-${way}`);
  });

  it("of a user who signs out are a visitor's at once", async () => {
    const { client, id } = await place.user("ann");
    const seen = watch(client.collection("notes"));
    await seen.untilIds();
    await client.collection("notes").create({ id: `out-${way}`, owner: id });
    await seen.untilIds(`out-${way}`);
    await client.auth.logout();
    await seen.untilIds();
  });
});

describe.each(COMBINATIONS)("live queries through troubles on %s by %s", { timeout: 120_000 }, (engine, way) => {
  let place: Place;
  beforeAll(async () => {
    place = await Place.open(engine, way);
  });
  afterAll(() => place.close());

  it("miss nothing when the server dies and comes back", async () => {
    const { client } = await place.user("ann");
    const open = client.collection("open");
    for (let n = 0; n < 20; n++) await open.create({ id: `d${n}`, n, text: "resume" });
    const seen = watch(open.where("text", "==", "resume").orderBy("n"));
    await seen.untilNow(({ documents }) => documents.length === 20);
    await place.server.restart("SIGKILL");
    const service = place.client({ WebSocket: null });
    await open.update("d3", { n: 100 });
    await open.delete("d4");
    await service.collection("open").create({ id: "new", n: 50, text: "resume" });
    const wanted = await open.where("text", "==", "resume").orderBy("n").limit(100).list();
    expect(wanted.items.at(-1)?.id).toBe("d3");
    const { documents, state } = await seen.untilIds(...wanted.items.map(({ id }) => id));
    expect([documents, state]).toEqual([wanted.items, "live"]);
    const states = new Set(seen.all.map(({ state }) => state));
    expect(states.has("connecting") || states.has("offline")).toBe(true);
  });

  it("come back from a server that stops properly", async () => {
    const { client } = await place.user("ann");
    const open = client.collection("open");
    const seen = watch(open.where("text", "==", "stop"));
    await seen.untilIds();
    await place.server.restart("SIGTERM");
    await open.create({ id: "stop", n: 1, text: "stop" });
    await seen.untilIds("stop");
  });

  it("follow a rule that changes", async () => {
    const define = (read: string) => place.admin("PUT", "/v1/admin/collections/plans", { rules: { read } });
    await define("true");
    await place.admin("POST", "/v1/collections/plans/documents", { id: "p", open: false });
    const { client } = await place.user("ann");
    const plans = client.collection("plans" as "open");
    const seen = watch(plans);
    await seen.untilIds("p");
    await define("doc.open");
    await seen.untilIds();
    await define("true");
    await seen.untilIds("p");
  });
});

const SHORT = `
[auth]
accessTokenLife = "10s"

[collections.notes.rules]
read = "auth.id == doc.owner"
create = "auth.id == next.owner"
update = "auth.id == doc.owner"
`;

describe.each(COMBINATIONS)("short tokens on %s by %s", { timeout: 120_000 }, (engine, way) => {
  let place: Place;
  beforeAll(async () => {
    place = await Place.open(engine, way, SHORT);
  });
  afterAll(() => place.close());

  it("are renewed in time: nobody sees a visitor's view", async () => {
    const { client, id } = await place.user("ann");
    const notes = client.collection("notes");
    await notes.create({ id: "n", owner: id, n: 0 });
    const renewals = new Inbox<string>();
    client.auth.onChange(({ type }) => renewals.push(type));
    const seen = watch(notes);
    await seen.untilIds("n");
    await renewals.until((type) => type === "token_refreshed");
    await notes.update("n", { n: 1 });
    await seen.untilNow(({ documents }) => documents[0]?.n === 1);
    expect(seen.all.filter(({ documents }) => documents.length === 0)).toEqual([]);
  });

  it("end with the session, and so does what was seen", async () => {
    const { client, id } = await place.user("ben");
    const notes = client.collection("notes");
    await notes.create({ id: "of-ben", owner: id });
    const events = new Inbox<string>();
    client.auth.onChange(({ type }) => events.push(type));
    const seen = watch(notes);
    await seen.untilIds("of-ben");
    const token = await client.auth.token();
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    await fetch(`${place.server.url}/v1/auth/logout`, { method: "POST", headers, body: '{"scope":"all"}' });
    await events.until((type) => type === "session_ended");
    await seen.untilIds();
  });
});
