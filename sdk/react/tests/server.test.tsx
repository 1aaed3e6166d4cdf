import { renderToString } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { BasaltProvider, useAuth, useConnection, useDocument, usePendingWrites, useQuery } from "../src/index.js";
import { FakeQuery, fakeClient, type Note } from "./support.js";

describe("on a server", () => {
  it("all is rendered as not yet known, and nothing is listened to", () => {
    const query = new FakeQuery();
    function Page() {
      const { status } = useAuth();
      const notes = useQuery<Note>(query, { suspense: true });
      const { document, loading } = useDocument<Note>({ name: "notes", doc: () => new FakeQuery() as never }, "a");
      return <p>{[status, notes.loading, loading, document, useConnection(), usePendingWrites().length].join(" ")}</p>;
    }
    const html = renderToString(
      <BasaltProvider client={fakeClient().client}>
        <Page />
      </BasaltProvider>,
    );
    expect(html).toBe("<p>loading true true  idle 0</p>");
    expect(query.begun).toBe(0);
  });
});
