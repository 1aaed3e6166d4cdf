import { renderToString } from "react-dom/server";
import { describe, expect, it } from "vitest";
import {
  BasaltProvider,
  useAuth,
  useConnection,
  useDocument,
  useFileUrl,
  usePendingWrites,
  useQuery,
  useUpload,
} from "../src/index.js";
import { FakeQuery, fakeClient, type Note } from "./support.js";

describe("on a server", () => {
  it("all is rendered as not yet known, and nothing is listened to", () => {
    const query = new FakeQuery();
    function Page() {
      const { status } = useAuth();
      const notes = useQuery<Note>(query, { suspense: true });
      const { document, loading } = useDocument<Note>({ name: "notes", doc: () => new FakeQuery() as never }, "a");
      const { url } = useFileUrl({ name: "images", download: () => Promise.reject(new Error("asked")) }, "a");
      const { pending } = useUpload({ upload: () => Promise.reject(new Error("asked")) as never });
      const known = [url, pending, useConnection(), usePendingWrites().length];
      return <p>{[status, notes.loading, loading, document, ...known].join(" ")}</p>;
    }
    const html = renderToString(
      <BasaltProvider client={fakeClient().client}>
        <Page />
      </BasaltProvider>,
    );
    expect(html).toBe("<p>loading true true   false idle 0</p>");
    expect(query.begun).toBe(0);
  });
});
