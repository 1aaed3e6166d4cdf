import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ChannelMessage, PresenceEntry } from "../../../src/realtime/types.js";
import { COMBINATIONS, Inbox, Place } from "./support.js";

describe.each(COMBINATIONS)("channels on %s by %s", { timeout: 120_000 }, (engine, way) => {
  let place: Place;
  beforeAll(async () => {
    place = await Place.open(engine, way);
  });
  afterAll(() => place.close());

  async function room(...members: string[]): Promise<string> {
    const id = Math.random().toString(36).slice(2);
    await place.admin("POST", "/v1/collections/rooms/documents", { id, members });
    return `room:${id}`;
  }

  it("carry messages to the others, and show who is there", async () => {
    const [ann, ben] = await Promise.all([place.user("ann"), place.user("ben")]);
    const name = await room(ann.id, ben.id);
    const anns = ann.client.realtime.channel(name, { presence: { typing: false } });
    const heard = new Inbox<ChannelMessage>();
    const own = new Inbox<ChannelMessage>();
    const there = new Inbox<PresenceEntry[]>();
    anns.onMessage(heard.push);
    anns.onPresence(there.push);
    await anns.joined();
    expect(anns.key).toEqual(expect.any(String));
    const bens = ben.client.realtime.channel(name, { presence: {} });
    bens.onMessage(own.push);
    await bens.joined();
    await there.until((members) => members.some(({ userId }) => userId === ben.id));
    await bens.publish("chat", { text: "hi" });
    const message = await heard.until(({ event }) => event === "chat");
    expect(message).toMatchObject({ data: { text: "hi" }, userId: ben.id });
    await anns.publish("chat", { text: "ho" });
    await own.until(({ data }) => JSON.stringify(data) === '{"text":"ho"}');
    expect(own.all).toHaveLength(1);
    await bens.track({ typing: true });
    await there.until((members) => members.some(({ data }) => data.typing === true));
    await expect(bens.publish("secret")).rejects.toMatchObject({ code: "rule_denied" });
  });

  it("are closed to those whom the rule keeps out, and to those whom it sends out", async () => {
    const [ann, cat] = await Promise.all([place.user("ann"), place.user("cat")]);
    const name = await room(ann.id);
    const anns = ann.client.realtime.channel(name);
    await anns.joined();
    await expect(cat.client.realtime.channel(name).joined()).rejects.toMatchObject({ code: "rule_denied" });
    const visitor = place.client();
    await expect(visitor.realtime.channel(name).joined()).rejects.toMatchObject({ code: "unauthenticated" });
    const errors = new Inbox<{ code: string }>();
    anns.onError(errors.push);
    await place.admin("PATCH", `/v1/collections/rooms/documents/${name.slice(5)}`, { members: [] });
    await errors.until(({ code }) => code === "rule_denied");
  });

  it("are joined again by themselves", async () => {
    const { client, id } = await place.user("ann");
    const news = client.realtime.channel("news", { presence: { n: 1 } });
    const heard = new Inbox<ChannelMessage>();
    const there = new Inbox<PresenceEntry[]>();
    news.onMessage(heard.push);
    await news.joined();
    await place.server.restart("SIGKILL");
    await news.joined();
    news.onPresence(there.push);
    await there.until((members) => members.some(({ userId, data }) => userId === id && data.n === 1));
    await place.admin("POST", "/v1/channels/news/messages", { event: "hello", data: [1] });
    await heard.until(({ event }) => event === "hello");
  });
});
