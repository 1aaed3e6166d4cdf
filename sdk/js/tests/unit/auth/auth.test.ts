import { describe, expect, it, vi } from "vitest";
import { Listeners } from "../../../src/auth/listeners.js";
import { BasaltError } from "../../../src/errors.js";
import { json, noContent, problem } from "../../support/fetch.js";
import { LOGIN, openTab, session, signedIn, USER } from "./support.js";

const failed = () => new TypeError("fetch failed");

describe("signing in", () => {
  it("needs a name of some kind", async () => {
    const tab = openTab({});
    await expect(tab.auth.login({ password: "x" })).rejects.toMatchObject({ code: "bad_argument" });
    await expect(tab.auth.signUp({ password: "x", email: "" })).rejects.toMatchObject({ code: "bad_argument" });
  });

  it("is not tried again", async () => {
    const tab = openTab({}, failed());
    await expect(tab.auth.login(LOGIN)).rejects.toMatchObject({ code: "network" });
    expect(tab.sent).toHaveLength(1);
  });

  it("with something left to prove opens no session", async () => {
    const tab = openTab({}, json({ user: USER, session: null }, 201));
    expect(await tab.auth.signUp(LOGIN)).toEqual({ user: USER, signedIn: false });
    expect(tab.events).toEqual([]);
  });

  it("as an anonymous user sends his token, so that he keeps his id; others' are not sent", async () => {
    const anonymous = signedIn(1, { ...USER, email: null, anonymous: true });
    const tab = openTab({}, anonymous, signedIn(2), signedIn(3));
    await tab.auth.anonymous();
    await tab.auth.signUp(LOGIN);
    await tab.auth.signUp({ ...LOGIN, email: "bob@example.com" });
    expect(tab.sent.map(({ headers }) => headers.authorization)).toEqual([undefined, "Bearer access1", undefined]);
  });
});

describe("signing out", () => {
  it("tells the server and forgets", async () => {
    const tab = openTab({}, signedIn(1), noContent());
    await tab.auth.login(LOGIN);
    await tab.auth.logout();
    expect(tab.sent[1]).toMatchObject({ path: "/v1/auth/logout", body: { scope: "current" } });
    expect(tab.auth.user).toBeNull();
    await tab.auth.logout();
    expect(tab.sent).toHaveLength(2);
  });

  it("forgets without network, too; but all devices can't be signed out so", async () => {
    const tab = openTab({}, signedIn(1), failed(), failed());
    await tab.auth.login(LOGIN);
    await expect(tab.auth.logout({ scope: "all" })).rejects.toMatchObject({ code: "network" });
    expect(tab.auth.user?.id).toBe("u1");
    await tab.auth.logout();
    expect(tab.auth.user).toBeNull();
  });

  it("of the others leaves this one", async () => {
    const tab = openTab({}, signedIn(1), noContent());
    await tab.auth.login(LOGIN);
    await tab.auth.logout({ scope: "others" });
    expect(tab.auth.user?.id).toBe("u1");
  });

  it("of a session that is over already is done", async () => {
    const ended = () => problem(401, "session_ended");
    const tab = openTab({}, signedIn(1), ended(), ended());
    await tab.auth.login(LOGIN);
    await tab.auth.logout();
    expect(tab.auth.user).toBeNull();
  });

  it("is refused while writes wait, and wipes afterwards", async () => {
    const calls: string[] = [];
    const guard = {
      before: async ({ discard }: { discard: boolean }) => {
        calls.push(`before ${discard}`);
        if (!discard) throw new BasaltError({ code: "pending_writes", message: "1 write waits." });
      },
      after: async () => void calls.push("after"),
    };
    const tab = openTab({ guard }, signedIn(1), noContent());
    await tab.auth.login(LOGIN);
    await expect(tab.auth.logout()).rejects.toMatchObject({ code: "pending_writes" });
    expect(tab.sent).toHaveLength(1);
    await tab.auth.logout({ discard: true });
    expect(calls).toEqual(["before false", "before true", "after"]);
    expect(tab.auth.user).toBeNull();
  });
});

describe("one's own user", () => {
  it("is known anew after each answer, and gone when deleted", async () => {
    const changed = { ...USER, rev: "2", displayName: "Ann" };
    const tab = openTab({}, signedIn(1), json(changed), json({ ...changed, rev: "3" }), noContent());
    await tab.auth.login(LOGIN);
    await tab.auth.updateMe({ displayName: "Ann" });
    expect(tab.sent[1]?.headers["content-type"]).toBe("application/merge-patch+json");
    expect(tab.auth.user).toEqual(changed);
    await tab.auth.me();
    expect(tab.auth.user?.rev).toBe("3");
    await tab.auth.deleteMe();
    expect(tab.events.map(({ type }) => type)).toEqual(["signed_in", "signed_out"]);
  });

  it("that is answered to another is not taken for one's own", async () => {
    const tab = openTab({}, json({ user: USER, session: session(1) }), json({ ...USER, id: "u2" }));
    await tab.auth.login(LOGIN);
    await tab.auth.me();
    expect(tab.auth.user?.id).toBe("u1");
  });
});

it("a listener's fault is reported and disturbs nobody", () => {
  const report = vi.fn();
  vi.stubGlobal("reportError", report);
  const listeners = new Listeners<number>();
  const heard: number[] = [];
  listeners.add(() => {
    throw new Error("of the app");
  });
  const stop = listeners.add((value) => void heard.push(value));
  listeners.tell(1);
  stop();
  listeners.tell(2);
  vi.unstubAllGlobals();
  expect(heard).toEqual([1]);
  expect(report).toHaveBeenCalledWith(expect.objectContaining({ message: "of the app" }));
});
