// @vitest-environment jsdom
import type { PendingWrite } from "@basalt/client";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { type Mutation, useAuth, useMutation, usePendingWrites } from "../src/index.js";
import { fakeClient, show } from "./support.js";

afterEach(cleanup);

describe("useAuth", () => {
  function Who() {
    const { status, user } = useAuth();
    return <p>{`${status} ${user?.id ?? "nobody"}`}</p>;
  }

  it("knows nothing before the session was read, and then follows it", async () => {
    const fake = fakeClient();
    show(fake.client, <Who />);
    expect(screen.getByText("loading nobody")).toBeTruthy();
    await act(async () => fake.ready({ id: "ann" }));
    expect(screen.getByText("signedIn ann")).toBeTruthy();
    act(() => fake.sign("session_ended", null));
    expect(screen.getByText("signedOut nobody")).toBeTruthy();
    act(() => fake.sign("signed_in", { id: "ben" }));
    expect(screen.getByText("signedIn ben")).toBeTruthy();
  });
});

describe("usePendingWrites", () => {
  it("counts what waits", () => {
    const fake = fakeClient();
    function Count() {
      return <p>{`${usePendingWrites().length} wait`}</p>;
    }
    show(fake.client, <Count />);
    act(() => fake.queue([{ id: "w" } as PendingWrite]));
    expect(screen.getByText("1 wait")).toBeTruthy();
  });
});

describe("useMutation", () => {
  type Save = Mutation<[string], string>;

  function setUp(call: (title: string) => Promise<string>) {
    const seen: Save[] = [];
    function Form() {
      seen.push(useMutation(call));
      return null;
    }
    render(<Form />, { reactStrictMode: true });
    const now = () => seen.at(-1) as Save;
    return { now };
  }

  it("shows what is under way, and what came of it", async () => {
    let finish: (value: string) => void = () => {};
    const { now } = setUp(() => new Promise((resolve) => (finish = resolve)));
    act(() => now().mutate("a"));
    expect([now().pending, now().data, now().error]).toEqual([true, null, null]);
    await act(async () => finish("saved"));
    expect([now().pending, now().data, now().error]).toEqual([false, "saved", null]);
    act(() => now().reset());
    expect(now().data).toBeNull();
  });

  it("shows failures, and throws them to who waits", async () => {
    const { now } = setUp(async (title) => Promise.reject(new Error(`no ${title}`)));
    await act(async () => now().mutate("a"));
    expect(now().error?.message).toBe("no a");
    await act(() => expect(now().mutateAsync("b")).rejects.toThrow("no b"));
    expect([now().error?.message, now().pending]).toEqual(["no b", false]);
  });

  it("shows the outcome of the last call, whichever ends last", async () => {
    const finish = new Map<string, (value: string) => void>();
    const { now } = setUp((title) => new Promise((resolve) => finish.set(title, resolve)));
    act(() => {
      now().mutate("first");
      now().mutate("second");
    });
    await act(async () => finish.get("second")?.("2"));
    expect([now().data, now().pending]).toEqual(["2", true]);
    await act(async () => finish.get("first")?.("1"));
    expect([now().data, now().pending]).toEqual(["2", false]);
  });
});
