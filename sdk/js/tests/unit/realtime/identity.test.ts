import { describe, expect, it } from "vitest";
import { settle } from "../../support/clock.js";
import { doc, type FakeSocket, type Heard, idOf, tokenOf, World } from "./support.js";

const NOTES = { collection: "notes" };

async function signedIn(): Promise<{ world: World; heard: Heard; socket: FakeSocket; id: string }> {
  const world = new World();
  world.tokens.current = tokenOf("ann");
  const heard = world.listen(NOTES);
  const socket = await world.open();
  const id = idOf(socket.of("subscribe")[0]);
  socket.get({ type: "ok", id: idOf(socket.of("auth")[0]) });
  socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
  return { world, heard, socket, id };
}

describe("who speaks over the connection", () => {
  it("tells of each renewed token on the same link", async () => {
    const { world, socket, heard } = await signedIn();
    world.tokens.become(tokenOf("ann", 2), "token_refreshed");
    await settle();
    expect(socket.of("auth").map(({ token }) => token)).toEqual([tokenOf("ann"), tokenOf("ann", 2)]);
    expect(world.sockets).toHaveLength(1);
    expect(heard.snapshots).toHaveLength(1);
  });

  it("looks for a newer token by itself", async () => {
    const { world, socket } = await signedIn();
    world.tokens.current = tokenOf("ann", 2);
    socket.get({ type: "pong" });
    await world.clock.advance(31_000);
    expect(socket.of("auth")).toHaveLength(2);
  });

  it("goes on with another token when the session's is over, and nobody sees a visitor's view", async () => {
    const { world, socket, heard, id } = await signedIn();
    world.tokens.next = tokenOf("ann", 2);
    socket.get({ type: "auth_expired" });
    socket.get({ type: "snapshot", id, seq: "06.v", docs: [] });
    expect(world.tokens.refusals).toEqual([tokenOf("ann")]);
    await settle();
    const next = await world.open();
    expect(next.of("auth").map(({ token }) => token)).toEqual([tokenOf("ann", 2)]);
    expect(next.of("subscribe")[0]?.since).toBe("05.b");
    expect(heard.snapshots).toHaveLength(1);
  });

  it("takes a refused auth frame for the same", async () => {
    const { world, socket } = await signedIn();
    world.tokens.next = tokenOf("ann", 3);
    world.tokens.become(tokenOf("ann", 2), "token_refreshed");
    await settle();
    socket.get({ type: "error", id: idOf(socket.of("auth")[1]), code: "invalid_token", message: "no" });
    await settle();
    const next = await world.open();
    expect(next.of("auth")[0]?.token).toBe(tokenOf("ann", 3));
  });

  it("pauses before the server is asked with yet another token", async () => {
    const { world } = await signedIn();
    world.clock.chance = 0.9;
    world.tokens.next = tokenOf("ann", 2);
    world.socket.get({ type: "auth_expired" });
    await settle();
    expect(world.sockets).toHaveLength(2);
    await world.open();
    world.tokens.next = tokenOf("ann", 3);
    world.socket.get({ type: "auth_expired" });
    await settle();
    expect(world.sockets).toHaveLength(2);
    await world.clock.advance(5_000);
    expect(world.sockets).toHaveLength(3);
  });

  it("drops to a visitor at a log-out, and what was his is gone at once", async () => {
    const { world, socket, heard, id } = await signedIn();
    world.tokens.become(null, "signed_out");
    await settle();
    expect(socket.closedWith).toBe(1000);
    expect(heard.snapshots.at(-1)).toEqual({ docs: [], seq: "0" });
    const next = await world.open();
    expect(next.of("auth")).toHaveLength(0);
    expect(next.of("subscribe")).toEqual([{ type: "subscribe", id, collection: "notes" }]);
  });

  it("makes a visitor a user on the same link, and asks again for what he was refused", async () => {
    const world = new World();
    const heard = world.listen(NOTES);
    const socket = await world.open();
    const id = idOf(socket.of("subscribe")[0]);
    socket.get({ type: "error", id, code: "rule_missing", message: "no rule" });
    expect(heard.errors.map(({ code }) => code)).toEqual(["rule_missing"]);
    world.tokens.become(tokenOf("ann"), "signed_in");
    await settle();
    expect(world.sockets).toHaveLength(1);
    expect(socket.said.map(({ type }) => type)).toEqual(["subscribe", "auth", "subscribe"]);
    socket.get({ type: "snapshot", id, seq: "05.b", docs: [doc("a")] });
    expect(heard.snapshots).toHaveLength(1);
  });

  it("tells everybody when a service key is used in a browser, and stops", async () => {
    const world = new World();
    world.tokens.current = "bst_sk_secret";
    const heard = world.listen(NOTES);
    const socket = await world.open();
    socket.get({ type: "error", id: idOf(socket.of("auth")[0]), code: "service_key_in_browser", message: "no" });
    expect(heard.errors.map(({ code }) => code)).toEqual(["service_key_in_browser"]);
    await world.clock.advance(120_000);
    expect(world.sockets).toHaveLength(1);
  });
});
