import { describe, expect, it } from "vitest";
import { settle } from "../../support/clock.js";
import { doc, idOf, tokenOf, World } from "./support.js";

const NOTES = { collection: "notes" };

describe("the connection", () => {
  it("is opened when something is watched, as a visitor without a token", async () => {
    const world = new World();
    await settle();
    expect(world.sockets).toHaveLength(0);
    expect(world.realtime.state).toBe("idle");
    world.listen(NOTES);
    const socket = await world.open();
    expect(socket.url).toBe("ws://server.test/v1/realtime");
    expect(socket.said).toEqual([{ type: "subscribe", id: expect.any(String), collection: "notes" }]);
    expect(world.realtime.state).toBe("live");
  });

  it("says first who it is", async () => {
    const world = new World();
    world.tokens.current = tokenOf("ann");
    world.listen(NOTES);
    const socket = await world.open();
    expect(socket.said.map(({ type }) => type)).toEqual(["auth", "subscribe"]);
    expect(socket.said[0]?.token).toBe(tokenOf("ann"));
  });

  it("is closed when nothing was watched for a while", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    heard.stop();
    await world.clock.advance(2_000);
    expect(socket.of("unsubscribe")).toHaveLength(1);
    expect(socket.closedWith).toBeNull();
    await world.clock.advance(6_000);
    expect(socket.closedWith).toBe(1000);
    expect(world.realtime.state).toBe("idle");
    world.listen(NOTES);
    await settle();
    expect(world.sockets).toHaveLength(2);
  });

  it("asks a silent server whether it is there, and gives up one that is not", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    const pings = () => socket.of("ping").length;
    const before = pings();
    await world.clock.advance(26_000);
    expect(pings()).toBe(before + 1);
    socket.get({ type: "pong" });
    await world.clock.advance(20_000);
    expect(socket.closedWith).toBeNull();
    await world.clock.advance(20_000);
    expect(socket.closedWith).toBe(1000);
    expect(world.realtime.state).toBe("connecting");
  });

  it("doesn't ask while frames come", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    await world.clock.advance(11_000);
    const before = socket.of("ping").length;
    for (let seconds = 0; seconds < 60; seconds += 5) {
      socket.get({ type: "ok", id: "other" });
      await world.clock.advance(5_000);
    }
    expect(socket.of("ping")).toHaveLength(before);
  });

  it("comes back with the place that it had reached", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
    socket.get({ type: "change", id, seq: "06.b", op: "added", doc: doc("b"), index: 1 });
    socket.breakOff();
    expect(world.realtime.state).toBe("connecting");
    await world.clock.advance(1_000);
    const next = await world.open();
    expect(next).not.toBe(socket);
    expect(next.of("subscribe")).toEqual([{ type: "subscribe", id, collection: "notes", since: "06.b" }]);
    next.get({ type: "ok", id });
    expect(heard.states).toEqual(["connecting", "live", "connecting", "live"]);
    expect(heard.snapshots).toHaveLength(1);
  });

  it("waits longer with each failure, with full jitter and a bound", async () => {
    const world = new World();
    world.refuse = () => Object.assign(new Error("down"), {}) as never;
    world.listen(NOTES);
    await settle();
    world.clock.chance = 0.999;
    const waits: number[] = [];
    for (let tries = 1; tries <= 10; tries++) {
      const began = world.clock.now();
      expect(world.sockets).toHaveLength(tries);
      world.socket.breakOff();
      await world.clock.advance(20);
      while (world.sockets.length === tries) await world.clock.advance(50);
      waits.push(world.clock.now() - began);
    }
    expect(waits[0]).toBeLessThanOrEqual(1_200);
    expect(waits[3]).toBeGreaterThan((waits[1] ?? 0) * 2);
    expect(waits.at(-1)).toBeGreaterThan(29_000);
    expect(waits.at(-1)).toBeLessThan(31_000);
    expect(world.realtime.state).toBe("offline");
  });

  it("tries at once when the network is back", async () => {
    const world = new World();
    world.refuse = () => new Error("down") as never;
    world.listen(NOTES);
    await settle();
    for (let tries = 0; tries < 6; tries++) {
      world.socket.breakOff();
      await world.clock.advance(60_000);
    }
    const before = world.sockets.length;
    world.socket.breakOff();
    await world.clock.advance(20);
    world.clock.chance = 0.9;
    world.wake();
    await settle();
    expect(world.sockets.length).toBe(before + 1);
  });

  it("looks after an open connection at once when the page is seen again", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    world.wake();
    await world.clock.advance(5_000);
    expect(socket.closedWith).toBe(1000);
  });

  it("is offline at once when the page is told so, and back when it is told that", async () => {
    const world = new World();
    world.loseNetwork();
    expect(world.realtime.state).toBe("idle");
    const heard = world.listen(NOTES);
    const socket = await world.open();
    world.clock.chance = 0.9;
    world.loseNetwork();
    expect([socket.closedWith, world.realtime.state, heard.states.at(-1)]).toEqual([1000, "offline", "offline"]);
    world.wake();
    await world.open();
    expect(world.sockets).toHaveLength(2);
    expect(world.realtime.state).toBe("live");
  });

  it("comes back when the server that stops wants it to", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    socket.get({ type: "goodbye", retryAfterMs: 4_000 });
    socket.breakOff();
    world.wake();
    await world.clock.advance(3_900);
    expect(world.sockets).toHaveLength(1);
    await world.clock.advance(200);
    expect(world.sockets).toHaveLength(2);
  });

  it("begins anew when it can't be told which frame was refused", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    socket.get({ type: "error", id: null, code: "rate_limited", message: "too many" });
    expect(socket.closedWith).toBe(1000);
    await world.clock.advance(3_000);
    const next = await world.open();
    expect(next.of("subscribe")).toHaveLength(1);
  });

  it("sends no faster than the server takes frames", async () => {
    const world = new World();
    const channel = world.realtime.channel("room");
    const socket = await world.open();
    const said = Array.from({ length: 300 }, (_, n) => channel.publish("n", n).catch(() => {}));
    await settle();
    expect(socket.of("publish").length).toBeLessThanOrEqual(150);
    await world.clock.advance(1_000);
    expect(socket.of("publish").length).toBeLessThanOrEqual(195);
    await world.clock.advance(4_000);
    expect(socket.of("publish").map(({ data }) => data)).toEqual(Array.from({ length: 300 }, (_, n) => n));
    for (const { id } of socket.of("publish")) socket.get({ type: "ok", id });
    await Promise.all(said);
  });

  it("is over after close()", async () => {
    const world = new World();
    world.listen(NOTES);
    const socket = await world.open();
    world.realtime.close();
    expect(socket.closedWith).toBe(1000);
    const late = world.listen(NOTES);
    await world.clock.advance(60_000);
    expect(world.sockets).toHaveLength(1);
    expect(late.errors.map(({ code }) => code)).toEqual(["closed"]);
    expect(() => world.realtime.channel("room")).toThrow(/closed/);
  });
});
