import { afterEach, describe, expect, it, vi } from "vitest";
import { progressFetch } from "../../../src/transport/xhr.js";
import { FakeClock, settle } from "../../support/clock.js";

/** As much of an XMLHttpRequest as is used; the test plays the network. */
class FakeRequest {
  static last: FakeRequest;
  method = "";
  url = "";
  headers: Record<string, string> = {};
  body: unknown = undefined;
  aborted = false;
  status = 0;
  responseText = "";
  answerHeaders = "";
  upload: { onprogress?: (event: { loaded: number }) => void } = {};
  onprogress?: () => void;
  onerror?: () => void;
  onload?: () => void;

  constructor() {
    FakeRequest.last = this;
  }

  open(method: string, url: string) {
    [this.method, this.url] = [method, url];
  }

  setRequestHeader(name: string, value: string) {
    this.headers[name] = value;
  }

  getAllResponseHeaders() {
    return this.answerHeaders;
  }

  send(body: unknown) {
    this.body = body;
  }

  abort() {
    this.aborted = true;
  }

  answer(status: number, headers = "", text = "") {
    [this.status, this.answerHeaders, this.responseText] = [status, headers, text];
    this.onload?.();
  }
}

function setUp() {
  vi.stubGlobal("XMLHttpRequest", FakeRequest);
  const clock = new FakeClock();
  const sent: number[] = [];
  const fetch = progressFetch({ clock, silence: 30_000, onSent: (bytes) => sent.push(bytes) });
  if (!fetch) throw new Error("there is an XMLHttpRequest");
  return { clock, sent, fetch };
}

afterEach(() => vi.unstubAllGlobals());

describe("a request that tells of its progress", () => {
  it("is sent and answered as by fetch", async () => {
    const { fetch, sent } = setUp();
    const answer = fetch("https://api.test/v1/x", {
      method: "PATCH",
      headers: { "upload-offset": "0" },
      body: "body",
      signal: new AbortController().signal,
    });
    const request = FakeRequest.last;
    expect(request).toMatchObject({ method: "PATCH", url: "https://api.test/v1/x", body: "body" });
    expect(request.headers).toEqual({ "upload-offset": "0" });
    request.upload.onprogress?.({ loaded: 2 });
    request.upload.onprogress?.({ loaded: 4 });
    request.answer(409, "content-type: application/problem+json\r\nupload-offset: 7\r\nx-a: b: c\r\n", "{}");
    const response = await answer;
    expect([response.status, response.headers.get("upload-offset"), response.headers.get("x-a")]).toEqual([
      409,
      "7",
      "b: c",
    ]);
    expect(await response.text()).toBe("{}");
    expect(sent).toEqual([2, 4]);
  });

  it("may have no body in its answer, and no headers", async () => {
    const { fetch } = setUp();
    const answer = fetch("https://api.test/v1/x", { method: "PATCH" });
    FakeRequest.last.answer(204);
    expect((await answer).status).toBe(204);
  });

  it("fails as fetch does", async () => {
    const { fetch } = setUp();
    const answer = fetch("https://api.test/v1/x");
    FakeRequest.last.onerror?.();
    await expect(answer).rejects.toBeInstanceOf(TypeError);
  });

  it.each(["before", "meanwhile"])("ends with its signal, fired %s", async (when) => {
    const { fetch } = setUp();
    const controller = new AbortController();
    if (when === "before") controller.abort(new Error("enough"));
    const answer = fetch("https://api.test/v1/x", { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(answer).rejects.toThrow("enough");
    expect(FakeRequest.last.aborted).toBe(true);
  });

  it("takes as long as something is sent, and is given up when nothing is", async () => {
    const { fetch, clock } = setUp();
    const answer = fetch("https://api.test/v1/x", { method: "PUT", body: "x" });
    const outcome = answer.catch((error) => error);
    const request = FakeRequest.last;
    for (let minute = 0; minute < 10; minute++) {
      await clock.advance(29_000);
      request.upload.onprogress?.({ loaded: minute });
    }
    expect(request.aborted).toBe(false);
    await clock.advance(30_000);
    expect(await outcome).toMatchObject({ code: "timeout" });
    expect(request.aborted).toBe(true);
  });

  it("leaves no timer behind", async () => {
    const { fetch, clock } = setUp();
    const answer = fetch("https://api.test/v1/x");
    FakeRequest.last.answer(200, "", "x");
    await answer;
    await settle();
    await expect(clock.until(new Promise(() => {}))).rejects.toThrow("nothing is waited for");
  });

  it("isn't there where there is no XMLHttpRequest", () => {
    expect(progressFetch({ clock: new FakeClock(), silence: 1, onSent: () => {} })).toBeNull();
  });
});
