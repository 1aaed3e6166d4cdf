import { describe, expect, it } from "vitest";
import { settle } from "../../support/clock.js";
import { doc, idOf, tokenOf, World } from "./support.js";

const NOTES = { collection: "notes" };

describe("live queries", () => {
  it("are asked for once, however many listen", async () => {
    const world = new World();
    const first = world.listen({ collection: "notes", filter: "n > vars.n", vars: { n: 1, m: 2 } });
    const second = world.listen({ filter: "n > vars.n", collection: "notes", vars: { m: 2, n: 1 } });
    const socket = await world.open();
    expect(socket.of("subscribe")).toHaveLength(1);
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
    const third = world.listen({ collection: "notes", filter: "n > vars.n", vars: { n: 1, m: 2 } });
    await settle();
    for (const { snapshots } of [first, second, third]) expect(snapshots).toEqual([{ docs: [doc("a")], seq: "05.b" }]);
    first.stop();
    second.stop();
    await world.clock.advance(5_000);
    expect(socket.of("unsubscribe")).toHaveLength(0);
    third.stop();
    await world.clock.advance(500);
    world.listen({ collection: "notes", filter: "n > vars.n", vars: { n: 1, m: 2 } }).stop();
    await world.clock.advance(1_500);
    expect(socket.of("unsubscribe")).toEqual([{ type: "unsubscribe", id }]);
    expect(socket.of("subscribe")).toHaveLength(1);
  });

  it("deliver the changes of one commit together", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a"), doc("b")] });
    socket.get({ type: "change", id, seq: "06.b", op: "removed", doc: { id: "a" }, index: 0, more: true });
    socket.get({ type: "change", id, seq: "06.b", op: "modified", doc: doc("b", { n: 1 }), index: 0, more: true });
    expect(heard.changes).toHaveLength(0);
    socket.get({ type: "change", id, seq: "06.b", op: "added", doc: doc("c"), index: 1 });
    expect(heard.changes).toEqual([
      {
        seq: "06.b",
        changes: [
          { op: "removed", doc: { id: "a" }, index: 0 },
          { op: "modified", doc: doc("b", { n: 1 }), index: 0 },
          { op: "added", doc: doc("c"), index: 1 },
        ],
      },
    ]);
  });

  it("forget half a commit when the connection breaks, and go on from before it", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [] });
    socket.get({ type: "change", id, seq: "06.b", op: "added", doc: doc("half"), index: 0, more: true });
    socket.breakOff();
    await world.clock.advance(1_000);
    const next = await world.open();
    expect(next.of("subscribe")[0]?.since).toBe("05.b");
    next.get({ type: "ok", id });
    next.get({ type: "change", id, seq: "07.b", op: "added", doc: doc("c"), index: 0 });
    expect(heard.changes.map(({ changes }) => changes.map((change) => change.doc.id))).toEqual([["c"]]);
  });

  it("pass over what is told to be gone and never was there", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
    socket.get({ type: "change", id, seq: "06.b", op: "removed", doc: { id: "x" } });
    expect(heard.changes).toHaveLength(0);
    socket.get({ type: "resync", id });
    socket.get({ type: "snapshot", id, seq: "09.b", docs: [doc("z")] });
    expect(heard.snapshots.at(-1)).toEqual({ docs: [doc("z")], seq: "09.b" });
  });

  it("hand everything on as told to one who brought a place of his own", async () => {
    const world = new World();
    const heard = world.listen({ ...NOTES, since: "05.b" });
    const other = world.listen({ ...NOTES, since: "05.b" });
    const socket = await world.open();
    expect(socket.of("subscribe").map(({ since }) => since)).toEqual(["05.b", "05.b"]);
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "ok", id });
    socket.get({ type: "change", id, seq: "06.b", op: "removed", doc: { id: "x" }, more: true });
    socket.get({ type: "change", id, seq: "06.b", op: "added", doc: doc("x"), index: 3 });
    expect(heard.states.at(-1)).toBe("live");
    expect(heard.changes[0]?.changes).toEqual([
      { op: "removed", doc: { id: "x" }, index: -1 },
      { op: "added", doc: doc("x"), index: 3 },
    ]);
    expect(other.changes).toHaveLength(0);
  });

  it("hear of their own errors only", async () => {
    const world = new World();
    const good = world.listen(NOTES);
    const bad = world.listen({ collection: "notes", filter: "a ==" });
    const socket = await world.open();
    const [first, second] = socket.of("subscribe").map(idOf);
    const errors = [{ path: "/filter", code: "bad_filter", line: 1, column: 5, message: "an operand is missing" }];
    socket.get({ type: "error", id: second, code: "bad_filter", message: "The filter is none.", errors });
    socket.get({ type: "snapshot", id: first, seq: "05.b", docs: [] });
    expect(good.errors).toHaveLength(0);
    expect(bad.errors[0]).toMatchObject({ code: "bad_filter", message: "The filter is none.", errors });
    socket.breakOff();
    await world.clock.advance(2_000);
    const next = await world.open();
    expect(next.of("subscribe").map(idOf)).toEqual([first]);
    const late = world.listen({ collection: "notes", filter: "a ==" });
    await settle();
    expect(late.errors.map(({ code }) => code)).toEqual(["bad_filter"]);
  });

  it("are asked for again, later, when the server has too much to do", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "error", id, code: "overloaded", message: "later", retryAfterMs: 5_000 });
    await world.clock.advance(4_900);
    expect(socket.of("subscribe")).toHaveLength(1);
    socket.get({ type: "pong" });
    await world.clock.advance(200);
    expect(socket.of("subscribe")).toHaveLength(2);
    expect(heard.errors).toHaveLength(0);
  });

  it("that make no sense are refused without asking", async () => {
    const world = new World();
    const heard = [
      world.listen({ ...NOTES, search: "x" }),
      world.listen({ ...NOTES, cursor: "x" }),
      world.listen({ ...NOTES, filter: "x".repeat(70_000) }),
    ];
    await settle();
    expect(heard.map(({ errors }) => errors[0]?.code)).toEqual(["bad_argument", "bad_argument", "too_large"]);
    expect(world.sockets).toHaveLength(0);
  });

  it("are a hundred at most; those that nobody hears any more make room", async () => {
    const world = new World();
    const all = Array.from({ length: 100 }, (_, n) => world.listen({ ...NOTES, filter: `n == ${n}` }));
    const more = world.listen({ ...NOTES, filter: "n == 100" });
    await settle();
    expect(more.errors.map(({ code }) => code)).toEqual(["quota_exceeded"]);
    all[0]?.stop();
    const another = world.listen({ ...NOTES, filter: "n == 101" });
    await settle();
    expect(another.errors).toHaveLength(0);
  });

  it("that one listener breaks reach the others", async () => {
    const world = new World();
    const failures: unknown[] = [];
    const handler = (error: unknown) => failures.push(error);
    process.on("uncaughtException", handler);
    const throwing = () => {
      throw new Error("the app's own fault");
    };
    world.realtime.subscribe(NOTES, { snapshot: throwing, changes: throwing, error: throwing });
    const heard = world.listen(NOTES);
    const socket = await world.open();
    socket.get({ type: "snapshot", id: idOf(socket.of("subscribe")[0]), seq: "05.b", docs: [] });
    await settle();
    process.off("uncaughtException", handler);
    expect(heard.snapshots).toHaveLength(1);
    expect(failures.map(String)).toEqual(["Error: the app's own fault"]);
  });

  it("of another user show nothing of the former one's", async () => {
    const world = new World();
    world.tokens.current = tokenOf("ann");
    const heard = world.listen(NOTES);
    const socket = await world.open();
    socket.get({ type: "snapshot", id: idOf(socket.of("subscribe")[0]), seq: "05.b", docs: [doc("hers")] });
    world.tokens.become(tokenOf("ben"), "signed_in");
    await settle();
    const late = world.listen(NOTES);
    const next = await world.open();
    expect(heard.snapshots.at(-1)?.docs).toEqual([]);
    expect(late.snapshots).toHaveLength(0);
    expect(next.of("subscribe")[0]?.since).toBeUndefined();
    expect(next.of("auth")[0]?.token).toBe(tokenOf("ben"));
  });
});
