// @vitest-environment jsdom
import { BasaltError, type LiveDocument } from "@basalt/client";
import { act, cleanup, render, screen } from "@testing-library/react";
import { Component, type ReactNode, Suspense } from "react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BasaltProvider, type QueryState, useDocument, useQuery } from "../src/index.js";
import { storeOf } from "../src/store.js";
import { FakeQuery, fakeClient, type Note, note, one, result, show } from "./support.js";

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  cleanup();
  vi.useRealTimers();
});

const denied = new BasaltError({ code: "rule_missing", message: "no rule" });

describe("useQuery", () => {
  function Notes({ query, seen }: { query: FakeQuery | null; seen?: QueryState<Note>[] }) {
    const state = useQuery<Note>(query);
    seen?.push(state);
    if (state.loading) return <p>loading</p>;
    return <p>{state.error?.code ?? state.documents.map(({ title }) => title).join()}</p>;
  }

  it("shows the result and what becomes of it", () => {
    const query = new FakeQuery();
    show(fakeClient().client, <Notes query={query} />);
    expect(screen.getByText("loading")).toBeTruthy();
    act(() => query.tell(result(note("a"), note("b"))));
    expect(screen.getByText("a,b")).toBeTruthy();
    act(() => query.tell(result(note("b"))));
    expect(screen.getByText("b")).toBeTruthy();
  });

  it("listens once for the same question, through StrictMode and new query objects", () => {
    const query = new FakeQuery();
    const { client } = fakeClient();
    const page = () => (
      <BasaltProvider client={client}>
        <Notes query={query.again()} />
        <Notes query={query.again()} />
      </BasaltProvider>
    );
    const { rerender } = render(page(), { reactStrictMode: true });
    act(() => query.tell(result(note("a"))));
    rerender(page());
    expect(query.begun).toBe(1);
    expect(screen.getAllByText("a")).toHaveLength(2);
  });

  it("ends when it is shown no more, a little later", () => {
    const query = new FakeQuery();
    const { client } = fakeClient();
    const { unmount } = show(client, <Notes query={query} />);
    act(() => query.tell(result(note("a"))));
    unmount();
    vi.advanceTimersByTime(1_000);
    const again = show(client, <Notes query={query} />);
    expect(screen.getByText("a")).toBeTruthy();
    again.unmount();
    vi.advanceTimersByTime(10_000);
    expect(query.open).toBe(0);
    show(client, <Notes query={query} />);
    expect(screen.getByText("loading")).toBeTruthy();
    expect(query.open).toBe(1);
  });

  it("follows another question, and none", () => {
    const [first, second] = [new FakeQuery(), new FakeQuery({ collection: "notes", filter: "x" })];
    const { client } = fakeClient();
    const page = (query: FakeQuery | null) => (
      <BasaltProvider client={client}>
        <Notes query={query} />
      </BasaltProvider>
    );
    const { rerender } = render(page(first));
    act(() => first.tell(result(note("a"))));
    rerender(page(second));
    expect(screen.getByText("loading")).toBeTruthy();
    act(() => second.tell(result(note("b"))));
    expect(screen.getByText("b")).toBeTruthy();
    rerender(page(null));
    expect(screen.getByText("loading")).toBeTruthy();
    vi.advanceTimersByTime(10_000);
    expect([first.open, second.open]).toEqual([0, 0]);
  });

  it("renders only when something changes", () => {
    const query = new FakeQuery();
    const seen: QueryState<Note>[] = [];
    const { client } = fakeClient();
    const { rerender } = render(
      <BasaltProvider client={client}>
        <Notes query={query} seen={seen} />
      </BasaltProvider>,
    );
    act(() => query.tell(result(note("a"))));
    const before = seen.length;
    rerender(
      <BasaltProvider client={client}>
        <Notes query={query.again()} seen={seen} />
      </BasaltProvider>,
    );
    expect(seen.length).toBe(before + 1);
    expect(seen.at(-1)).toBe(seen.at(-2));
  });

  it("shows an error, and a result that comes after it", () => {
    const query = new FakeQuery();
    show(fakeClient().client, <Notes query={query} />);
    act(() => query.fail(denied));
    expect(screen.getByText("rule_missing")).toBeTruthy();
    act(() => query.tell(result(note("a"))));
    expect(screen.getByText("a")).toBeTruthy();
  });

  it("needs a provider", () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    expect(() => render(<Notes query={null} />)).toThrow(/BasaltProvider/);
  });
});

describe("a store", () => {
  it("that was rendered and never mounted is forgotten", () => {
    const owner = {};
    const first = storeOf(owner, "key", 0, () => () => {});
    expect(storeOf(owner, "key", 0, () => () => {})).toBe(first);
    vi.advanceTimersByTime(60_000);
    expect(storeOf(owner, "key", 0, () => () => {})).not.toBe(first);
  });
});

describe("useQuery with Suspense", () => {
  class Boundary extends Component<{ children: ReactNode }> {
    override state: { error: BasaltError | null } = { error: null };
    static getDerivedStateFromError(error: BasaltError) {
      return { error };
    }
    override render() {
      return this.state.error ? <p>{`caught ${this.state.error.code}`}</p> : this.props.children;
    }
  }

  function Notes({ query }: { query: FakeQuery }) {
    const { documents } = useQuery<Note>(query, { suspense: true });
    return <p>{documents.map(({ title }) => title).join()}</p>;
  }

  const page = (query: FakeQuery) => (
    <Boundary>
      <Suspense fallback={<p>waiting</p>}>
        <Notes query={query} />
      </Suspense>
    </Boundary>
  );

  it("waits for the first result, and shows the next ones in place", async () => {
    const query = new FakeQuery();
    show(fakeClient().client, page(query));
    expect(screen.getByText("waiting")).toBeTruthy();
    await act(async () => query.tell(result(note("a"))));
    expect(screen.getByText("a")).toBeTruthy();
    await act(async () => query.tell(result(note("b"))));
    expect(screen.getByText("b")).toBeTruthy();
    expect(query.begun).toBe(1);
  });

  it("waits as long as it takes", async () => {
    const query = new FakeQuery();
    show(fakeClient().client, page(query));
    await act(() => vi.advanceTimersByTimeAsync(100_000));
    expect(screen.getByText("waiting")).toBeTruthy();
    await act(async () => query.tell(result(note("a"))));
    expect(screen.getByText("a")).toBeTruthy();
  });

  it("throws errors to the boundary", async () => {
    vi.spyOn(console, "error").mockImplementation(() => {});
    const query = new FakeQuery();
    show(fakeClient().client, page(query));
    await act(async () => query.fail(denied));
    expect(screen.getByText("caught rule_missing")).toBeTruthy();
  });

  it("ends what nobody came back for", () => {
    const query = new FakeQuery();
    const { unmount } = show(fakeClient().client, page(query));
    unmount();
    vi.advanceTimersByTime(60_000);
    expect(query.open).toBe(0);
  });
});

describe("useDocument", () => {
  it("shows the document, and that there is none", () => {
    const query = new FakeQuery<LiveDocument<Note>>();
    const notes = { name: "notes", doc: () => query };
    function Shown({ id }: { id: string | null }) {
      const { document, loading } = useDocument<Note>(notes, id);
      return <p>{loading ? "loading" : (document?.title ?? "none")}</p>;
    }
    show(fakeClient().client, <Shown id="a" />);
    expect(screen.getByText("loading")).toBeTruthy();
    act(() => query.tell(one(note("a", "A"))));
    expect(screen.getByText("A")).toBeTruthy();
    act(() => query.tell(one(null)));
    expect(screen.getByText("none")).toBeTruthy();
  });
});
