import { describe, expect, it } from "vitest";
import { BasaltError } from "../../../src/errors.js";
import { settle } from "../../support/clock.js";
import { doc, idOf, tokenOf, World } from "./support.js";

const NOTES = { collection: "notes" };

async function streaming(world = new World({ sockets: false })) {
  const heard = world.listen(NOTES);
  await world.clock.advance(20);
  const id = idOf(world.stream.asked.subscriptions[0]);
  return { world, heard, id };
}

describe("the event stream", () => {
  it("takes the place of a WebSocket that there is not", async () => {
    const { world, heard, id } = await streaming();
    expect(world.stream.asked).toEqual({ subscriptions: [{ id, collection: "notes" }], channels: [] });
    expect(world.realtime.state).toBe("live");
    world.stream.write(": ping\n\n");
    world.stream.write(`id: 05.b\ndata: {"type":"snapshot","id":"${id}","seq":"05.b","do`);
    await settle();
    expect(heard.snapshots).toHaveLength(0);
    world.stream.write(`cs":[]}\n\n`);
    await settle();
    expect(heard.snapshots).toEqual([{ docs: [], seq: "05.b" }]);
  });

  it("is asked for anew when more is watched, from the places reached", async () => {
    const { world, heard, id } = await streaming();
    world.stream.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
    world.stream.get({ type: "change", id, seq: "06.b", op: "added", doc: doc("b"), index: 1, more: true });
    await settle();
    const first = world.stream;
    world.listen({ collection: "tasks" });
    world.listen({ collection: "users" });
    await world.clock.advance(20);
    expect(world.streams).toHaveLength(2);
    expect(first.request.signal?.aborted).toBe(true);
    expect(world.stream.asked.subscriptions.map(({ collection, since }) => [collection, since])).toEqual([
      ["notes", "05.b"],
      ["tasks", undefined],
      ["users", undefined],
    ]);
    world.stream.get({ type: "ok", id });
    world.stream.get({ type: "change", id, seq: "07.b", op: "added", doc: doc("c"), index: 1 });
    await settle();
    expect(heard.changes.map(({ changes }) => changes.map((change) => change.doc.id))).toEqual([["c"]]);
    expect(world.realtime.state).toBe("live");
  });

  it("is asked for anew with a renewed token", async () => {
    const world = new World({ sockets: false });
    world.tokens.current = tokenOf("ann");
    await streaming(world);
    world.tokens.become(tokenOf("ann", 2), "token_refreshed");
    await world.clock.advance(20);
    expect(world.streams).toHaveLength(2);
  });

  it("comes back when it ends or falls silent", async () => {
    const { world, id } = await streaming();
    world.stream.get({ type: "snapshot", id, seq: "05.b", docs: [] });
    await settle();
    world.stream.end();
    await world.clock.advance(2_000);
    expect(world.streams).toHaveLength(2);
    expect(world.stream.asked.subscriptions[0]?.since).toBe("05.b");
    await world.clock.advance(57_000);
    expect(world.streams).toHaveLength(2);
    await world.clock.advance(6_000);
    expect(world.streams).toHaveLength(3);
  });

  it("tells apart what is wrong from what is right", async () => {
    const world = new World({ sockets: false });
    world.refuse = ({ body }) => {
      const { subscriptions } = body as { subscriptions: { limit?: number }[] };
      const isBad = subscriptions.some(({ limit = 1 }) => limit > 500);
      return isBad ? new BasaltError({ code: "bad_parameter", message: "limit", status: 400 }) : null;
    };
    const good = world.listen(NOTES);
    const bad = world.listen({ ...NOTES, limit: 501 });
    await world.clock.advance(20);
    expect(bad.errors.map(({ code }) => code)).toEqual(["bad_parameter"]);
    const id = idOf(world.stream.asked.subscriptions[0]);
    expect(world.stream.asked.subscriptions).toHaveLength(1);
    world.stream.get({ type: "snapshot", id, seq: "05.b", docs: [] });
    await settle();
    expect(good.snapshots).toHaveLength(1);
  });

  it("says messages over HTTP", async () => {
    const world = new World({ sockets: false });
    const channel = world.realtime.channel("room:1", { presence: { n: 1 } });
    await world.clock.advance(20);
    expect(world.stream.asked.channels).toMatchObject([{ channel: "room:1", presence: { n: 1 } }]);
    await channel.publish("chat", "hi");
    expect(world.requests).toMatchObject([
      { method: "POST", path: "/v1/channels/room%3A1/messages", body: { event: "chat", data: "hi" } },
    ]);
    const heard: unknown[] = [];
    channel.onMessage(({ data }) => heard.push(data));
    const echo = { type: "message", channel: "room:1", event: "chat", data: "hi", userId: "u", id: "m", at: "t" };
    world.stream.get(echo);
    world.stream.get({ ...echo, data: "ho" });
    world.stream.get(echo);
    await settle();
    expect(heard).toEqual(["ho", "hi"]);
    world.answer = () => new BasaltError({ code: "rule_denied", message: "no", status: 403 });
    await expect(channel.publish("chat", "hi")).rejects.toMatchObject({ code: "rule_denied" });
    await world.clock.until(channel.track({ n: 2 }));
    await world.clock.advance(20);
    expect(world.stream.asked.channels).toMatchObject([{ channel: "room:1", presence: { n: 2 } }]);
  });

  it("takes over where no WebSocket gets through, and leaves it again later", async () => {
    const world = new World();
    world.listen(NOTES);
    await settle();
    world.socket.breakOff();
    await world.clock.advance(20);
    expect([world.sockets.length, world.streams.length]).toEqual([1, 1]);
    expect(world.realtime.state).toBe("live");
    world.stream.end();
    await world.clock.advance(2_000);
    expect([world.sockets.length, world.streams.length]).toEqual([1, 2]);
    for (let minutes = 0; minutes < 6; minutes++) {
      await world.clock.advance(30_000);
      world.stream.write(": ping\n\n");
      await world.clock.advance(30_000);
      world.stream.write(": ping\n\n");
    }
    await settle();
    world.stream.end();
    await world.clock.advance(2_000);
    expect(world.sockets).toHaveLength(2);
  });

  it("takes over where a WebSocket opens and lets nothing through", async () => {
    const world = new World();
    world.listen(NOTES);
    await settle();
    world.socket.open();
    await world.clock.advance(9_000);
    expect(world.streams).toHaveLength(0);
    await world.clock.advance(2_000);
    expect(world.streams).toHaveLength(1);
  });

  it("stops when the server refuses this page", async () => {
    const world = new World({ sockets: false });
    world.refuse = () => new BasaltError({ code: "origin_refused", message: "no", status: 403 });
    const heard = world.listen(NOTES);
    await world.clock.advance(120_000);
    expect(heard.errors.map(({ code }) => code)).toEqual(["origin_refused"]);
    expect(world.realtime.state).toBe("idle");
  });
});
