import { afterEach, describe, expect, it, vi } from "vitest";
import { type Client, type ClientOptions, createClient, memoryStorage } from "../../../src/index.js";
import { fakeFetch, json, noContent } from "../../support/fetch.js";
import { LOGIN, refreshed, signedIn } from "./support.js";

const open: Client[] = [];
const client = (options: Omit<ClientOptions, "url"> = {}) => {
  const made = createClient({ url: "https://api.test/", ...options });
  open.push(made);
  return made;
};
afterEach(async () => {
  await Promise.all(open.splice(0).map((one) => one.close()));
  vi.unstubAllGlobals();
});

/** A page: its storage, which all its tabs share, and the platform's own channel. */
function page(localStorage: unknown = memoryStorage()) {
  vi.stubGlobal("document", {});
  vi.stubGlobal("localStorage", localStorage);
}

const nextEvent = (of: Client) => new Promise<string>((resolve) => of.auth.onChange(({ type }) => resolve(type)));

describe("a client in a page", () => {
  it("keeps its session in localStorage, and other tabs follow", async () => {
    page();
    const two = client({ fetch: fakeFetch().fetch });
    await two.auth.ready();
    const heard = nextEvent(two);
    const one = client({ fetch: fakeFetch(signedIn(1)).fetch });
    await one.auth.login(LOGIN);
    expect(await heard).toBe("signed_in");
    expect(two.auth.user?.id).toBe("u1");
    expect(JSON.parse(localStorage.getItem("basalt.session.https://api.test") ?? "{}").user.id).toBe("u1");
    expect(await client({ storageKey: "another", fetch: fakeFetch().fetch }).auth.ready()).toBeNull();
  });

  it("does with memory where the storage may not be used", async () => {
    const refused = () => {
      throw new DOMException("refused", "SecurityError");
    };
    page({ getItem: refused, setItem: refused, removeItem: refused });
    const one = client({ fetch: fakeFetch(signedIn(1)).fetch });
    await one.auth.login(LOGIN);
    expect(one.auth.user?.id).toBe("u1");
    expect(await client({ fetch: fakeFetch().fetch }).auth.ready()).toBeNull();
  });

  it("hears nothing more once it is closed", async () => {
    page();
    const two = client({ fetch: fakeFetch().fetch });
    await two.auth.ready();
    await two.close();
    const witness = client({ fetch: fakeFetch().fetch });
    await witness.auth.ready();
    const heard = nextEvent(witness);
    await client({ fetch: fakeFetch(signedIn(1)).fetch }).auth.login(LOGIN);
    await heard;
    expect(two.auth.user).toBeNull();
  });
});

describe("a client anywhere", () => {
  it("renews what a storage of one's own holds", async () => {
    const storage = memoryStorage();
    const { fetch, sent } = fakeFetch(signedIn(1), refreshed(2), json({ items: [], nextCursor: null }));
    const one = client({ storage, fetch });
    await one.auth.login(LOGIN);
    await one.auth.refresh();
    await one.collection("notes").list();
    expect(sent[2]?.headers.authorization).toBe("Bearer access2");
    expect(sent[2]?.path).toBe("/v1/collections/notes/query");
  });

  it("uses the fetch of the moment, and says where there is none", async () => {
    const one = client();
    const { fetch, sent } = fakeFetch(signedIn(1), noContent());
    vi.stubGlobal("fetch", fetch);
    await one.auth.login(LOGIN);
    await one.auth.logout();
    expect(sent).toHaveLength(2);
    vi.stubGlobal("fetch", undefined);
    expect(() => client()).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });

  it("refuses an address that is none", () => {
    expect(() => createClient({ url: "localhost" })).toThrow(expect.objectContaining({ code: "bad_argument" }));
  });
});
