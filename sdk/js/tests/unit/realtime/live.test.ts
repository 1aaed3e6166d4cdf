import { describe, expect, it } from "vitest";
import type { Document } from "../../../src/documents/types.js";
import { BasaltError } from "../../../src/errors.js";
import { type LiveResult, liveDocument, liveQuery } from "../../../src/realtime/live.js";
import type { LiveHandlers } from "../../../src/realtime/types.js";
import { settle } from "../../support/clock.js";
import { doc } from "./support.js";

interface Note {
  n?: number;
}

/** A source whose handlers the test calls. */
function source() {
  const sources: LiveHandlers[] = [];
  let stops = 0;
  return {
    subscribe(_spec: object, handlers: LiveHandlers) {
      sources.push(handlers);
      return () => {
        stops += 1;
      };
    },
    get handlers(): LiveHandlers {
      const last = sources.at(-1);
      if (!last) throw new Error("nobody subscribed");
      return last;
    },
    get stops() {
      return stops;
    },
  };
}

const docs = (...ids: string[]) => ids.map((id) => doc(id)) as Document[];

function collect() {
  const from = source();
  const results: LiveResult<Note>[] = [];
  const errors: BasaltError[] = [];
  const stop = liveQuery<Note>(from, { collection: "notes" }).subscribe(
    (result) => results.push(result),
    (error) => errors.push(error),
  );
  return { from, results, errors, stop };
}

const ids = (result: LiveResult<Note> | undefined) => result?.documents.map(({ id }) => id);
const ops = (result: LiveResult<Note> | undefined) =>
  result?.changes.map(({ op, doc: { id }, index }) => [op, id, index]);

describe("a live result", () => {
  it("is the snapshot, and then what the changes make of it", () => {
    const { from, results } = collect();
    from.handlers.state?.("live");
    expect(results).toHaveLength(0);
    from.handlers.snapshot(docs("a", "b", "c"), "05");
    from.handlers.changes([{ op: "modified", doc: doc("c", { n: 1 }) as Document, index: 0 }], "06");
    from.handlers.changes([{ op: "removed", doc: { id: "a" }, index: 1 }], "07");
    expect(results.map(ids)).toEqual([
      ["a", "b", "c"],
      ["c", "a", "b"],
      ["c", "b"],
    ]);
    expect(results.map(ops)).toEqual([
      [
        ["added", "a", 0],
        ["added", "b", 1],
        ["added", "c", 2],
      ],
      [["modified", "c", 0]],
      [["removed", "a", 1]],
    ]);
    expect(results[2]?.changes[0]?.doc.rev).toBe("r-a");
    expect(results.map(({ seq, state }) => [seq, state])).toEqual([
      ["05", "live"],
      ["06", "live"],
      ["07", "live"],
    ]);
    expect(results[0]?.documents.map(({ id }) => id)).toEqual(["a", "b", "c"]);
  });

  it("takes out and in for a change, or for none", () => {
    const { from, results } = collect();
    from.handlers.snapshot(docs("a", "b"), "05");
    const again = [
      { op: "removed" as const, doc: { id: "a" }, index: -1 },
      { op: "removed" as const, doc: { id: "b" }, index: -1 },
      { op: "added" as const, doc: doc("a") as Document, index: 0 },
      { op: "added" as const, doc: doc("b", { rev: "r2", n: 2 }) as Document, index: 1 },
    ];
    from.handlers.changes(again, "06");
    expect(ops(results[1])).toEqual([["modified", "b", 1]]);
    from.handlers.changes(again, "07");
    expect(results).toHaveLength(2);
  });

  it("keeps the documents that a new snapshot doesn't change, and is silent when it changes none", () => {
    const { from, results } = collect();
    from.handlers.snapshot(docs("a", "b"), "05");
    from.handlers.snapshot([...docs("a"), doc("b", { rev: "r2" }) as Document], "08");
    from.handlers.snapshot([...docs("a"), doc("b", { rev: "r2" }) as Document], "09");
    expect(results).toHaveLength(2);
    expect(results[1]?.documents[0]).toBe(results[0]?.documents[0]);
    expect(ops(results[1])).toEqual([["modified", "b", 1]]);
  });

  it("tells of its state, and of what the device itself knows", () => {
    const { from, results } = collect();
    from.handlers.snapshot(docs("a"), "05");
    from.handlers.state?.("offline");
    from.handlers.snapshot(docs("a"), "05", { fromCache: true, meta: new Map([["a", { pending: true }]]) });
    expect(results.map(({ state, fromCache, meta }) => [state, fromCache, meta.get("a")?.pending])).toEqual([
      ["connecting", false, undefined],
      ["offline", false, undefined],
      ["offline", true, true],
    ]);
    expect(results.slice(1).map(ops)).toEqual([[], []]);
  });

  it("hands errors on, and ends when it is told to", () => {
    const { from, errors, stop } = collect();
    from.handlers.error(new BasaltError({ code: "rule_missing", message: "no" }));
    expect(errors.map(({ code }) => code)).toEqual(["rule_missing"]);
    stop();
    expect(from.stops).toBe(1);
  });

  it("of one document is that document, or null", () => {
    const from = source();
    const seen: (string | null)[] = [];
    liveDocument<Note>(from, "notes", "a").subscribe(({ document }) => seen.push(document?.rev ?? null));
    from.handlers.snapshot([], "05");
    from.handlers.changes([{ op: "added", doc: doc("a") as Document, index: 0 }], "06");
    from.handlers.changes([{ op: "removed", doc: { id: "a" }, index: 0 }], "07");
    expect(seen).toEqual([null, "r-a", null]);
  });
});

describe("results one by one", () => {
  it("give a slow reader the newest, with all that changed", async () => {
    const from = source();
    const results = liveQuery<Note>(from, { collection: "notes" }).results();
    from.handlers.snapshot(docs("a"), "05");
    expect(ids((await results.next()).value)).toEqual(["a"]);
    from.handlers.changes([{ op: "added", doc: doc("b") as Document, index: 1 }], "06");
    from.handlers.changes([{ op: "removed", doc: { id: "a" }, index: 0 }], "07");
    const { value } = await results.next();
    expect(ids(value)).toEqual(["b"]);
    expect(ops(value)).toEqual([
      ["removed", "a", 0],
      ["added", "b", 0],
    ]);
  });

  it("end with the loop, or by an error", async () => {
    const from = source();
    const query = liveQuery<Note>(from, { collection: "notes" });
    const loop = (async () => {
      for await (const { seq } of query.results()) return seq;
    })();
    await settle();
    from.handlers.snapshot([], "05");
    expect(await loop).toBe("05");
    expect(from.stops).toBe(1);
    const results = query.results();
    const waiting = results.next();
    from.handlers.error(new BasaltError({ code: "rule_missing", message: "no" }));
    await expect(waiting).rejects.toMatchObject({ code: "rule_missing" });
    expect(await results.next()).toEqual({ done: true, value: undefined });
    expect(from.stops).toBe(2);
  });
});
