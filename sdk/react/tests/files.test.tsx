// @vitest-environment jsdom
import { BasaltError } from "@basalt/client";
import type { FileMetadata, Upload, UploadOptions, UploadProgress } from "@basalt/client/files";
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type FilesPlace, type UseUpload, useFile, useFiles, useFileUrl, useUpload } from "../src/index.js";
import { FakeQuery, fakeClient, result, show } from "./support.js";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.restoreAllMocks();
});

const file = (path: string) => ({ id: path, path, bucket: "images" }) as FileMetadata<object>;
const progress = (sent: number, state: UploadProgress["state"] = "uploading") => ({ sent, total: 10, state });

describe("useUpload", () => {
  /** An upload whose course the test tells. */
  class FakeUpload {
    done: (file: FileMetadata<object>) => void = () => {};
    fail: (error: Error) => void = () => {};
    readonly called: string[] = [];
    readonly promise: Upload<object>;

    constructor(readonly options: UploadOptions<object>) {
      const promise = new Promise<FileMetadata<object>>((resolve, reject) => {
        this.done = resolve;
        this.fail = reject;
      });
      const buttons = ["pause", "resume", "abort"].map((name) => [name, () => this.called.push(name)]);
      this.promise = Object.assign(promise, Object.fromEntries(buttons), { progress: progress(0) });
    }

    tell(now: UploadProgress) {
      this.options.onProgress?.(now);
    }
  }

  function setUp() {
    const seen: UseUpload<object>[] = [];
    const uploads: FakeUpload[] = [];
    const bucket = {
      upload(path: string, _: unknown, options: UploadOptions<object> = {}) {
        if (path === "") throw new BasaltError({ code: "bad_argument", message: "no path" });
        const upload = new FakeUpload(options);
        uploads.push(upload);
        return upload.promise;
      },
    };
    function Form() {
      seen.push(useUpload(bucket));
      return null;
    }
    render(<Form />, { reactStrictMode: true });
    return { uploads, now: () => seen.at(-1) as UseUpload<object> };
  }

  it("shows how far it is, and the file in the end", async () => {
    const { uploads, now } = setUp();
    expect(now()).toMatchObject({ progress: null, pending: false, error: null, file: null });
    const told: number[] = [];
    await act(async () => now().start("a", "x", { onProgress: ({ sent }) => told.push(sent) }));
    expect(now()).toMatchObject({ progress: progress(0), pending: true });
    act(() => uploads[0]?.tell(progress(5, "paused")));
    expect(now()).toMatchObject({ progress: progress(5, "paused"), pending: true });
    await act(async () => uploads[0]?.done(file("a")));
    expect(now()).toMatchObject({ pending: false, file: { path: "a" }, error: null });
    expect(told).toEqual([5]);
    act(() => now().reset());
    expect(now()).toMatchObject({ progress: null, file: null });
  });

  it("has buttons", async () => {
    const { uploads, now } = setUp();
    now().pause();
    await act(async () => now().start("a", "x"));
    now().pause();
    now().resume();
    now().abort();
    expect(uploads[0]?.called).toEqual(["pause", "resume", "abort"]);
    await act(async () => uploads[0]?.fail(new BasaltError({ code: "aborted", message: "given up" })));
    expect(now()).toMatchObject({ pending: false, error: null, file: null });
  });

  it("shows failures, and throws them to who waits", async () => {
    const { uploads, now } = setUp();
    await act(async () => now().start("a", "x"));
    await act(async () => uploads[0]?.fail(new BasaltError({ code: "bucket_full", message: "full" })));
    expect(now()).toMatchObject({ pending: false, error: { code: "bucket_full" } });
    await act(() => expect(now().startAsync("", "x")).rejects.toMatchObject({ code: "bad_argument" }));
    expect(now()).toMatchObject({ pending: false, error: { code: "bad_argument" } });
  });

  it("shows the upload that began last", async () => {
    const { uploads, now } = setUp();
    await act(async () => {
      now().start("a", "x");
      now().start("b", "x");
    });
    act(() => {
      uploads[1]?.tell(progress(7));
      uploads[0]?.tell(progress(3));
    });
    expect(now().progress?.sent).toBe(7);
    await act(async () => uploads[0]?.done(file("a")));
    expect(now()).toMatchObject({ pending: true, file: null });
    await act(async () => uploads[1]?.done(file("b")));
    expect(now()).toMatchObject({ pending: false, file: { path: "b" } });
  });
});

describe("live metadata", () => {
  it("are those of a bucket, or of one file", () => {
    const [all, one] = [new FakeQuery(), new FakeQuery({ collection: "files" })];
    const bucket = { query: () => ({ orderBy: () => all }), at: () => one } as unknown as FilesPlace<object>;
    function Page() {
      const { files, loading } = useFiles(bucket, { prefix: "x" });
      const single = useFile(bucket, "a");
      const none = useFile(bucket, null);
      if (loading || single.loading) return <p>{`loading ${none.loading}`}</p>;
      return <p>{`${files.map(({ path }) => path).join()} ${single.file?.path ?? "none"}`}</p>;
    }
    show(fakeClient().client, <Page />);
    expect(screen.getByText("loading true")).toBeTruthy();
    const tell = (query: FakeQuery, ...files: FileMetadata<object>[]) =>
      act(() => query.tell(result(...(files as unknown as Parameters<typeof result>)) as never));
    tell(all, file("a"), file("b"));
    tell(one);
    expect(screen.getByText("a,b none")).toBeTruthy();
    tell(one, file("a"));
    expect(screen.getByText("a,b a")).toBeTruthy();
  });
});

describe("useFileUrl", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });

  function setUp(contentType = "image/webp") {
    const fake = fakeClient();
    const lost = { network: false };
    const made: Blob[] = [];
    const revoked: string[] = [];
    URL.createObjectURL = (blob: Blob) => `blob:${made.push(blob)}`;
    URL.revokeObjectURL = (url: string) => void revoked.push(url);
    const asked: [string, object][] = [];
    const bucket = {
      name: "images",
      async download(path: string, options: object) {
        asked.push([path, options]);
        if (lost.network) throw new BasaltError({ code: "network", message: "no network" });
        if (path === "gone") throw new BasaltError({ code: "file_not_found", message: "none", status: 404 });
        return { contentType, blob: async () => new Blob(["x"], { type: contentType }) };
      },
    };
    function Picture({ path, version }: { path: string | null; version?: string }) {
      const options = version === undefined ? {} : { version };
      const { url, error } = useFileUrl(bucket, path, { image: { preset: "thumb" }, ...options });
      return <p>{url ?? error?.message ?? "loading"}</p>;
    }
    return { Picture, made, revoked, asked, client: fake.client, fake, lost };
  }

  it("gets a file once for all who show it, and lets go of it when nobody does", async () => {
    const { Picture, made, revoked, asked, client } = setUp();
    const page = (
      <>
        <Picture path="a" />
        <Picture path="a" />
        <Picture path={null} />
      </>
    );
    const { unmount } = show(client, page);
    await act(async () => {});
    expect(screen.getAllByText("blob:1")).toHaveLength(2);
    expect(screen.getByText("loading")).toBeTruthy();
    expect(asked).toHaveLength(1);
    expect(asked[0]).toMatchObject(["a", { image: { preset: "thumb" } }]);
    expect(made[0]?.type).toBe("image/webp");
    unmount();
    expect(revoked).toEqual([]);
    vi.advanceTimersByTime(10_000);
    expect(revoked).toEqual(["blob:1"]);
  });

  it("gets it again when it has changed", async () => {
    const { Picture, asked, client } = setUp();
    show(client, <Picture path="a" version="1" />);
    await act(async () => {});
    cleanup();
    show(client, <Picture path="a" version="2" />);
    await act(async () => {});
    expect(asked).toHaveLength(2);
    expect(screen.getByText("blob:2")).toBeTruthy();
  });

  it("shows what is wrong", async () => {
    const { Picture, client } = setUp();
    show(client, <Picture path="gone" />);
    await act(async () => {});
    expect(screen.getByText("none")).toBeTruthy();
  });

  it("tries again when the network is back", async () => {
    const { Picture, client, fake, lost } = setUp();
    lost.network = true;
    show(client, <Picture path="a" />);
    await act(async () => {});
    expect(screen.getByText("no network")).toBeTruthy();
    lost.network = false;
    await act(async () => fake.connection("live"));
    expect(screen.getByText("blob:1")).toBeTruthy();
    await act(async () => fake.connection("live"));
    expect(screen.getByText("blob:1")).toBeTruthy();
  });

  it.each(["image/svg+xml", "text/html"])("makes no URL that would run %s", async (contentType) => {
    const { Picture, made, client } = setUp(contentType);
    show(client, <Picture path="a" />);
    await act(async () => {});
    expect(made[0]?.type).toBe("");
  });
});
