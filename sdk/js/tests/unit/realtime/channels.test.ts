import { describe, expect, it } from "vitest";
import type { BasaltError } from "../../../src/errors.js";
import type { ChannelMessage, PresenceChange } from "../../../src/realtime/types.js";
import { settle } from "../../support/clock.js";
import { idOf, tokenOf, World } from "./support.js";

const member = (key: string, data: object = {}) => ({ key, userId: "u", data, since: "2026-11-22T08:00:00.000Z" });
const message = {
  type: "message",
  channel: "room:1",
  event: "chat",
  data: { text: "hi" },
  userId: "u",
  id: "m",
  at: "t",
};

async function joined() {
  const world = new World();
  const channel = world.realtime.channel("room:1", { presence: { typing: false } });
  const socket = await world.open();
  const arrival = channel.joined();
  socket.get({ type: "ok", id: idOf(socket.of("join")[0]), key: "k1" });
  await arrival;
  return { world, channel, socket };
}

describe("channels", () => {
  it("are joined with what others shall see", async () => {
    const { channel, socket } = await joined();
    expect(socket.of("join")).toEqual([
      { type: "join", id: expect.any(String), channel: "room:1", presence: { typing: false } },
    ]);
    expect(channel.key).toBe("k1");
  });

  it("tell messages to those who want them", async () => {
    const { channel, socket } = await joined();
    const all: ChannelMessage[] = [];
    const typing: ChannelMessage[] = [];
    const stop = channel.onMessage((said) => all.push(said));
    channel.onMessage("typing", (said) => typing.push(said));
    socket.get(message);
    stop();
    socket.get({ ...message, event: "typing" });
    expect(all).toEqual([{ event: "chat", data: { text: "hi" }, userId: "u", id: "m", at: "t" }]);
    expect(typing).toHaveLength(1);
  });

  it("know who is there", async () => {
    const { channel, socket } = await joined();
    const heard: [string[], PresenceChange][] = [];
    channel.onPresence((members, change) => heard.push([members.map(({ key }) => key), change]));
    socket.get({ type: "presence", channel: "room:1", state: [member("k1"), member("k2")], count: 2 });
    socket.get({ type: "presence", channel: "room:1", joined: [member("k3")], left: [], updated: [] });
    socket.get({ type: "presence", channel: "room:1", joined: [member("k3")], left: [{ key: "x", userId: null }] });
    socket.get({
      type: "presence",
      channel: "room:1",
      left: [{ key: "k2", userId: "u" }],
      updated: [member("k3", { n: 1 })],
    });
    await settle();
    expect(heard.map(([keys]) => keys)).toEqual([
      ["k1", "k2"],
      ["k1", "k2", "k3"],
      ["k1", "k3"],
    ]);
    const { joined: came, left, updated } = heard[2]?.[1] ?? { joined: [], left: [], updated: [] };
    expect([came, left.map(({ key }) => key), updated.map(({ data }) => data)]).toEqual([[], ["k2"], [{ n: 1 }]]);
    expect([...channel.members.keys()]).toEqual(["k1", "k3"]);
    socket.get({ type: "presence", channel: "room:1", state: [member("k3")], count: 1 });
    expect(heard.at(-1)?.[1].left.map(({ key }) => key)).toEqual(["k1"]);
  });

  it("take messages, and say when one was refused", async () => {
    const { channel, socket } = await joined();
    const said = channel.publish("chat", { text: "hi" });
    await settle();
    const [frame] = socket.of("publish");
    expect(frame).toMatchObject({ channel: "room:1", event: "chat", data: { text: "hi" } });
    socket.get({ type: "ok", id: idOf(frame) });
    await said;
    const refused = channel.publish("secret");
    await settle();
    socket.get({ type: "error", id: idOf(socket.of("publish")[1]), code: "rule_denied", message: "no" });
    await expect(refused).rejects.toMatchObject({ code: "rule_denied" });
    await expect(channel.publish("")).rejects.toMatchObject({ code: "bad_argument" });
    await expect(channel.publish("big", "x".repeat(33_000))).rejects.toMatchObject({ code: "too_large" });
  });

  it("don't leave a message without an answer", async () => {
    const { world, channel, socket } = await joined();
    const lost = channel.publish("chat", 1);
    await settle();
    socket.breakOff();
    await expect(lost).rejects.toMatchObject({ code: "network" });
    const waiting = channel.publish("chat", 2);
    await world.clock.advance(1_000);
    const next = await world.open();
    expect(next.of("publish").map(({ data }) => data)).toEqual([2]);
    next.get({ type: "ok", id: idOf(next.of("publish")[0]) });
    await waiting;
    const unanswered = channel.publish("chat", 3);
    await expect(world.clock.until(unanswered)).rejects.toMatchObject({ code: "timeout" });
  });

  it("are joined again after a lost connection, with what was shown last", async () => {
    const { world, channel, socket } = await joined();
    const tracked = channel.track({ typing: true });
    expect(socket.of("track")).toMatchObject([{ channel: "room:1", presence: { typing: true } }]);
    socket.get({ type: "ok", id: idOf(socket.of("track")[0]) });
    await tracked;
    socket.breakOff();
    await channel.track({ typing: true, n: 2 });
    await world.clock.advance(1_000);
    const next = await world.open();
    expect(next.of("join")).toMatchObject([{ channel: "room:1", presence: { typing: true, n: 2 } }]);
    expect(next.of("track")).toHaveLength(0);
  });

  it("are one membership for all who ask for the same", async () => {
    const { world, channel, socket } = await joined();
    const second = world.realtime.channel("room:1");
    expect(socket.of("join")).toHaveLength(1);
    await second.joined();
    channel.leave();
    channel.leave();
    expect(socket.of("leave")).toHaveLength(0);
    await expect(channel.publish("chat")).rejects.toMatchObject({ code: "closed" });
    second.leave();
    expect(socket.of("leave")).toMatchObject([{ channel: "room:1" }]);
    await world.clock.advance(6_000);
    expect(socket.closedWith).toBe(1000);
  });

  it("say when one is not let in, or sent out, and try again for another user", async () => {
    const world = new World();
    const channel = world.realtime.channel("room:1");
    const errors: BasaltError[] = [];
    channel.onError((error) => errors.push(error));
    const socket = await world.open();
    const arrival = channel.joined();
    socket.get({ type: "error", id: idOf(socket.of("join")[0]), code: "unauthenticated", message: "who?" });
    await expect(arrival).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(channel.joined()).rejects.toMatchObject({ code: "unauthenticated" });
    world.tokens.become(tokenOf("ann"), "signed_in");
    await settle();
    expect(socket.said.map(({ type }) => type)).toEqual(["join", "auth", "join"]);
    socket.get({ type: "ok", id: idOf(socket.of("join")[1]), key: "k" });
    socket.get({ type: "presence", channel: "room:1", state: [member("k")], count: 1 });
    socket.get({ type: "error", channel: "room:1", code: "rule_denied", message: "out" });
    expect(errors.map(({ code }) => code)).toEqual(["unauthenticated", "rule_denied"]);
    expect([channel.key, channel.members.size]).toEqual([null, 0]);
  });

  it("have names and presences that the server takes", () => {
    const world = new World();
    for (const name of ["", "a b", ":a", "a::b", "x".repeat(129)]) {
      expect(() => world.realtime.channel(name)).toThrow(/no name/);
    }
    expect(() => world.realtime.channel("a", { presence: { x: "x".repeat(5_000) } })).toThrow(/4096/);
  });
});
