import { describe, expect, it } from "vitest";
import { memoryStorage } from "../../../src/storage/storage.js";
import { FakeClock } from "../../support/clock.js";
import { json, problem } from "../../support/fetch.js";
import { fakeChannels, fakeLocks, KEY, LOGIN, openTab, refreshed, signedIn, USER } from "./support.js";

const failed = () => new TypeError("fetch failed");
const get = { method: "GET", path: "/v1/x" } as const;

describe("a session", () => {
  it("is stored, told of, and its token sent", async () => {
    const storage = memoryStorage();
    const tab = openTab({ storage }, signedIn(1), json({}));
    expect(await tab.auth.login(LOGIN)).toEqual({ user: USER, signedIn: true });
    await tab.transport.request(get);
    expect(tab.sent[1]?.headers.authorization).toBe("Bearer access1");
    expect(tab.events).toEqual([{ type: "signed_in", userId: "u1" }]);
    const again = openTab({ storage });
    expect(again.auth.user).toBeNull();
    expect((await again.auth.ready())?.email).toBe("ann@example.com");
    expect(await again.keeper.token()).toBe("access1");
  });

  it("may be kept by an asynchronous storage", async () => {
    const inner = memoryStorage();
    const storage = {
      getItem: async (key: string) => inner.getItem(key),
      setItem: async (key: string, value: string) => void inner.setItem(key, value),
      removeItem: async (key: string) => void inner.removeItem(key),
    };
    await openTab({ storage }, signedIn(1)).auth.login(LOGIN);
    expect(await openTab({ storage }).keeper.userId()).toBe("u1");
  });

  it("that is damaged is none; a storage that can't be read is an error, not a visitor", async () => {
    const damaged = memoryStorage();
    damaged.setItem(KEY, '{"accessToken":1}');
    expect(await openTab({ storage: damaged }).keeper.token()).toBeNull();
    const broken = { ...memoryStorage(), getItem: () => Promise.reject(new Error("locked")) };
    await expect(openTab({ storage: broken }).keeper.token()).rejects.toMatchObject({ code: "storage_failed" });
  });

  it("lives on in memory where the storage is full", async () => {
    const full = { ...memoryStorage(), setItem: () => Promise.reject(new Error("quota")) };
    const tab = openTab({ storage: full }, signedIn(1));
    await tab.auth.login(LOGIN);
    expect(await tab.keeper.token()).toBe("access1");
  });
});

describe("renewal", () => {
  it("comes a minute before the end, once for all who ask", async () => {
    const tab = openTab({}, signedIn(1), refreshed(2), json({}), json({}));
    await tab.auth.login(LOGIN);
    await tab.clock.advance(839_000);
    expect(await tab.keeper.token()).toBe("access1");
    await tab.clock.advance(1_000);
    await Promise.all([tab.transport.request(get), tab.transport.request(get)]);
    expect(tab.sent.map(({ path }) => path)).toEqual(["/v1/auth/login", "/v1/auth/refresh", "/v1/x", "/v1/x"]);
    expect(tab.sent[1]?.body).toEqual({ refreshToken: "refresh1" });
    expect(tab.sent[1]?.headers).not.toHaveProperty("authorization");
    expect(tab.sent[3]?.headers.authorization).toBe("Bearer access2");
    expect(tab.events.map(({ type }) => type)).toEqual(["signed_in", "token_refreshed"]);
  });

  it("comes when the server refuses the token", async () => {
    const tab = openTab({}, signedIn(1), problem(401, "invalid_token"), refreshed(2), json({ n: 1 }));
    await tab.auth.login(LOGIN);
    expect((await tab.transport.request(get)).data).toEqual({ n: 1 });
    expect(tab.sent[3]?.headers.authorization).toBe("Bearer access2");
  });

  it("that gets no answer leaves the old token in use while it is good, and the session after it", async () => {
    const tab = openTab({}, signedIn(1), failed(), failed(), failed(), failed(), failed(), failed(), refreshed(2));
    await tab.auth.login(LOGIN);
    await tab.clock.advance(850_000);
    expect(await tab.clock.until(tab.keeper.token())).toBe("access1");
    await tab.clock.advance(60_000);
    await expect(tab.clock.until(tab.keeper.token())).rejects.toMatchObject({ code: "network" });
    expect(await tab.keeper.token()).toBe("access2");
    expect(tab.events.map(({ type }) => type)).toEqual(["signed_in", "token_refreshed"]);
  });

  it("asks again with the same token soon after a lost answer, and not after the server's ten seconds", async () => {
    const tab = openTab({}, signedIn(1), "hang", "hang", refreshed(2));
    await tab.auth.login(LOGIN);
    const start = tab.clock.now();
    await tab.clock.until(tab.auth.refresh());
    expect(tab.clock.now() - start).toBeLessThan(9_000);
    expect(tab.sent.slice(1).map(({ body }) => body)).toEqual(Array(3).fill({ refreshToken: "refresh1" }));
  });

  it("that the server refuses ends the session", async () => {
    const storage = memoryStorage();
    const tab = openTab({ storage }, signedIn(1), problem(401, "session_ended"), problem(401, "session_ended"));
    await tab.auth.login(LOGIN);
    await expect(tab.transport.request(get)).rejects.toMatchObject({ code: "session_ended", status: 401 });
    expect(tab.events[1]).toEqual({ type: "session_ended", userId: null });
    expect(tab.auth.user).toBeNull();
    expect(storage.getItem(KEY)).toBeNull();
    await expect(tab.auth.refresh()).rejects.toMatchObject({ code: "no_session" });
  });

  it("doesn't bring back who signed out meanwhile", async () => {
    let answer: (response: Response) => void = () => {};
    const waiting = new Promise<Response>((resolve) => {
      answer = resolve;
    });
    const tab = openTab({}, signedIn(1), () => waiting, new Response(null, { status: 204 }));
    await tab.auth.login(LOGIN);
    const renewal = tab.keeper.renew();
    await tab.clock.advance(0);
    await tab.auth.logout();
    answer(refreshed(2));
    expect(await renewal).toBeNull();
    expect(tab.auth.user).toBeNull();
    expect(tab.events.map(({ type }) => type)).toEqual(["signed_in", "signed_out"]);
  });
});

describe("tabs", () => {
  const world = () => {
    const platform = { locks: fakeLocks(), BroadcastChannel: fakeChannels() };
    return { storage: memoryStorage(), clock: new FakeClock(), platform };
  };

  it("renew once together", async () => {
    const shared = world();
    const one = openTab(shared, signedIn(1), refreshed(2));
    await one.auth.login(LOGIN);
    const two = openTab(shared);
    expect(await two.keeper.token()).toBe("access1");
    await shared.clock.advance(880_000);
    expect(await Promise.all([one.keeper.token(), two.keeper.token()])).toEqual(["access2", "access2"]);
    expect(two.sent).toEqual([]);
  });

  it("follow each other's sign-in, sign-out and end", async () => {
    const shared = world();
    const two = openTab(shared);
    await two.auth.ready();
    const gone = problem(401, "session_ended");
    const one = openTab(
      shared,
      signedIn(1),
      new Response(null, { status: 204 }),
      signedIn(3),
      gone,
      problem(401, "session_ended"),
    );
    await one.auth.login(LOGIN);
    await shared.clock.advance(0);
    expect(two.auth.user?.id).toBe("u1");
    await one.auth.logout();
    await shared.clock.advance(0);
    expect(two.auth.user).toBeNull();
    await one.auth.login(LOGIN);
    await expect(one.transport.request(get)).rejects.toMatchObject({ code: "session_ended" });
    await shared.clock.advance(0);
    expect(two.events.map(({ type }) => type)).toEqual(["signed_in", "signed_out", "signed_in", "session_ended"]);
  });

  it("hear of changes by the storage alone, too", async () => {
    const storage = memoryStorage();
    let changed: (event: StorageEvent) => void = () => {};
    const addEventListener = (_: "storage", listener: typeof changed) => {
      changed = listener;
    };
    const platform = { addEventListener };
    const two = openTab({ storage, platform });
    await two.auth.ready();
    await openTab({ storage }, signedIn(1)).auth.login(LOGIN);
    changed({ key: "another" } as StorageEvent);
    await two.clock.advance(0);
    expect(two.auth.user).toBeNull();
    changed({ key: KEY } as StorageEvent);
    await two.clock.advance(0);
    expect(two.events).toEqual([{ type: "signed_in", userId: "u1" }]);
  });

  it("don't wait for ever for one that was frozen with the lock", async () => {
    const request = (_: string, { signal }: { signal: AbortSignal }) =>
      new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
    const platform = { locks: { request } as unknown as Pick<LockManager, "request"> };
    const tab = openTab({ platform }, signedIn(1), refreshed(2));
    await tab.auth.login(LOGIN);
    const start = tab.clock.now();
    expect(await tab.clock.until(tab.keeper.renew())).toBe("access2");
    expect(tab.clock.now() - start).toBe(10_000);
  });

  it("without locks take over what another had renewed when their token was spent", async () => {
    const storage = memoryStorage();
    const one = openTab({ storage }, signedIn(1), refreshed(2));
    await one.auth.login(LOGIN);
    let answer: (response: Response) => void = () => {};
    const waiting = new Promise<Response>((resolve) => {
      answer = resolve;
    });
    const two = openTab({ storage }, () => waiting);
    await two.auth.ready();
    const renewal = two.keeper.renew();
    await two.clock.advance(0);
    await one.auth.refresh();
    answer(problem(401, "invalid_token"));
    expect(await renewal).toBe("access2");
    expect(two.events.map(({ type }) => type)).toEqual(["token_refreshed"]);
  });
});
