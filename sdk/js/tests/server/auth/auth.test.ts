import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type AuthEvent, type Client, createClient, memoryStorage } from "../../../src/index.js";
import { systemClock } from "../../../src/transport/clock.js";
import { engines, startServer, type TestServer } from "../../support/server.js";
import { NOTES, type Notes, PASSWORD, signedUp } from "../documents/app.js";

describe.each(engines)("auth on %s", (engine) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startServer({ engine, app: NOTES });
  });
  afterAll(() => server.stop());
  const client = (): Client<Notes> => createClient<Notes>({ url: server.url });
  const heard = (of: Client<Notes>): string[] => {
    const names: string[] = [];
    of.auth.onChange(({ type }: AuthEvent) => names.push(type));
    return names;
  };

  it("signs up, out and in again", async () => {
    const ann = client();
    const events = heard(ann);
    const { user, signedIn } = await ann.auth.signUp({
      email: "in@example.com",
      password: PASSWORD,
      data: { displayName: "Ann" },
    });
    expect([signedIn, user.displayName, user.email]).toEqual([true, "Ann", "in@example.com"]);
    await ann.auth.logout();
    await expect(ann.auth.me()).rejects.toMatchObject({ code: "unauthenticated", status: 401 });
    await expect(ann.auth.login({ email: "in@example.com", password: "wrong horse" })).rejects.toMatchObject({
      code: "invalid_credentials",
    });
    await ann.auth.login({ email: "in@example.com", password: PASSWORD });
    expect((await ann.auth.me()).id).toBe(user.id);
    expect(events).toEqual(["signed_in", "signed_out", "signed_in"]);
  });

  it("lets an anonymous user become one with a name and keep his id", async () => {
    const guest = client();
    const { user } = await guest.auth.anonymous();
    expect(user.anonymous).toBe(true);
    const named = await guest.auth.signUp({ email: "named@example.com", password: PASSWORD });
    expect([named.user.id, named.user.anonymous]).toEqual([user.id, false]);
  });

  it("renews, and the new tokens work", async () => {
    const ann = await signedUp(server, "renew@example.com");
    const events = heard(ann);
    await ann.auth.refresh();
    await ann.auth.refresh();
    expect((await ann.auth.me()).email).toBe("renew@example.com");
    expect(events).toEqual(["token_refreshed", "token_refreshed"]);
  });

  it("shares one session between two clients of one storage", async () => {
    const storage = memoryStorage();
    const open = () => createClient<Notes>({ url: server.url, storage });
    const one = open();
    await one.auth.signUp({ email: "two@example.com", password: PASSWORD });
    const two = open();
    expect((await two.auth.me()).email).toBe("two@example.com");
    await one.auth.refresh();
    await two.auth.refresh();
    expect((await one.auth.me()).email).toBe("two@example.com");
    const apart = createClient<Notes>({ url: server.url, storage, storageKey: "another" });
    expect(await apart.auth.ready()).toBeNull();
  });

  it("lists devices and signs one out, which hears of it", async () => {
    const here = await signedUp(server, "devices@example.com");
    const there = client();
    const events = heard(there);
    await there.auth.login({ email: "devices@example.com", password: PASSWORD });
    const sessions = await here.auth.sessions();
    expect(sessions.map(({ current }) => current).sort()).toEqual([false, true]);
    const other = sessions.find(({ current }) => !current);
    await here.auth.endSession(other?.id ?? "");
    await expect(there.auth.me()).rejects.toMatchObject({ code: "session_ended" });
    expect(events).toEqual(["signed_in", "session_ended"]);
    expect(there.auth.user).toBeNull();
    const stranger = await signedUp(server, "stranger@example.com");
    const mine = sessions.find(({ current }) => current);
    await expect(stranger.auth.endSession(mine?.id ?? "")).rejects.toMatchObject({ code: "session_not_found" });
  });

  it("ends the other sessions by scope and by a new password", async () => {
    const here = await signedUp(server, "scope@example.com");
    const there = client();
    await there.auth.login({ email: "scope@example.com", password: PASSWORD });
    await here.auth.logout({ scope: "others" });
    await expect(there.auth.me()).rejects.toMatchObject({ status: 401 });
    await expect(here.auth.changePassword("wrong horse", "another battery")).rejects.toMatchObject({
      status: expect.any(Number),
    });
    await here.auth.changePassword(PASSWORD, "another battery staple");
    await there.auth.login({ email: "scope@example.com", password: "another battery staple" });
    expect((await here.auth.me()).email).toBe("scope@example.com");
  });

  it("changes one's own fields and no other", async () => {
    const ann = await signedUp(server, "fields@example.com");
    expect((await ann.auth.updateMe({ color: "red" })).color).toBe("red");
    expect(await ann.auth.updateMe({ color: null })).not.toHaveProperty("color");
    const roles = { roles: ["admin"] } as object;
    await expect(ann.auth.updateMe(roles)).rejects.toMatchObject({ code: "field_protected", status: 403 });
  });

  it("deletes an account", async () => {
    const ann = await signedUp(server, "gone@example.com");
    await ann.auth.deleteMe();
    expect(ann.auth.user).toBeNull();
    await expect(ann.auth.login({ email: "gone@example.com", password: PASSWORD })).rejects.toMatchObject({
      code: "invalid_credentials",
    });
  });

  it("asks visitors to sign in", async () => {
    const visitor = client();
    const calls = [
      visitor.auth.me(),
      visitor.auth.updateMe({ color: "red" }),
      visitor.auth.deleteMe(),
      visitor.auth.sessions(),
      visitor.auth.endSession("s1"),
      visitor.auth.changePassword(PASSWORD, "another battery"),
    ];
    await Promise.all(calls.map((call) => expect(call).rejects.toMatchObject({ code: "unauthenticated" })));
    await expect(visitor.auth.refresh()).rejects.toMatchObject({ code: "no_session" });
  });

  it("refuses a weak password and a taken address", async () => {
    await signedUp(server, "taken@example.com");
    const signUp = (email: string, password: string) => client().auth.signUp({ email, password });
    await expect(signUp("taken@example.com", PASSWORD)).rejects.toMatchObject({ code: "unique_conflict", status: 409 });
    await expect(signUp("weak@example.com", "password")).rejects.toMatchObject({ code: "weak_password", status: 422 });
  });

  it("renews by itself before a token expires, and when the server refuses one", async () => {
    const storage = memoryStorage();
    let later = 0;
    const clock = { ...systemClock, now: () => Date.now() + later };
    const ann = createClient<Notes>({ url: server.url, storage, storageKey: "s", clock });
    const events = heard(ann);
    await ann.auth.signUp({ email: "itself@example.com", password: PASSWORD });
    later = 14.5 * 60_000;
    await Promise.all([ann.auth.me(), ann.auth.sessions()]);
    expect(events).toEqual(["signed_in", "token_refreshed"]);

    const stored = JSON.parse(String(storage.getItem("s")));
    storage.setItem("s", JSON.stringify({ ...stored, accessToken: `${stored.accessToken.slice(0, -8)}AAAAAAAA` }));
    const again = createClient<Notes>({ url: server.url, storage, storageKey: "s", clock });
    const heardAgain = heard(again);
    expect((await again.auth.me()).email).toBe("itself@example.com");
    expect(heardAgain).toEqual(["token_refreshed"]);
  });

  it("forgets a session that the server doesn't know", async () => {
    const storage = memoryStorage();
    storage.setItem(
      "s",
      JSON.stringify({ accessToken: "no", refreshToken: "no", expiresAt: 0, renewAt: 0, user: { id: "u" } }),
    );
    const thief = createClient<Notes>({ url: server.url, storage, storageKey: "s" });
    const events = heard(thief);
    await expect(thief.collection("stock").list()).rejects.toMatchObject({ code: "session_ended", status: 401 });
    expect((await thief.collection("stock").list()).items).toEqual([]);
    expect(events).toEqual(["session_ended"]);
    expect(storage.getItem("s")).toBeNull();
  });
});
