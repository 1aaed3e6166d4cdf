/** An upload that is under way, with what one can do to it. */
import { guarded } from "../realtime/timing.js";
import { aborted } from "../transport/clock.js";
import type { Way } from "./task.js";
import type { FileMetadata, Upload, UploadOptions, UploadProgress, UploadState } from "./types.js";

type Watch<Data> = Pick<UploadOptions<Data>, "onProgress" | "signal">;

export function startUpload<Data>(way: Way<Data>, total: number, { onProgress, signal }: Watch<Data>): Upload<Data> {
  const control = new Control(way, total, onProgress);
  const onAbort = () => control.abort();
  const settled = control.run().finally(() => signal?.removeEventListener("abort", onAbort));
  if (signal?.aborted) onAbort();
  else signal?.addEventListener("abort", onAbort, { once: true });
  return Object.defineProperties(settled, {
    progress: { get: () => control.progress },
    pause: { value: () => control.pause() },
    resume: { value: () => control.resume() },
    abort: { value: () => control.abort() },
  }) as Upload<Data>;
}

class Control<Data> {
  #progress: UploadProgress;
  #turn = new AbortController();
  #isAborted = false;
  /** Opened by `resume` and `abort`; null while nothing is paused. */
  #gate: { opens: Promise<void>; open: () => void } | null = null;

  constructor(
    private readonly way: Way<Data>,
    total: number,
    private readonly onProgress: UploadOptions["onProgress"],
  ) {
    this.#progress = { sent: 0, total, state: "uploading" };
  }

  get progress(): UploadProgress {
    return this.#progress;
  }

  async run(): Promise<FileMetadata<Data>> {
    // The caller has the upload in his hands before he is told of anything.
    await Promise.resolve();
    try {
      const file = await this.#turns();
      this.#tell({ sent: this.#progress.total, state: "done" });
      return file;
    } catch (error) {
      this.#tell({ state: "failed" });
      if (!this.#isAborted) throw error;
      // Who gave up needn't wait for a server that may not be reached.
      this.way.abandon().catch(() => {});
      throw aborted();
    }
  }

  pause(): void {
    if (this.#isOver || this.#gate !== null) return;
    let open: () => void = () => {};
    const opens = new Promise<void>((resolve) => {
      open = resolve;
    });
    this.#gate = { opens, open };
    this.#tell({ state: "paused" });
    this.#turn.abort();
  }

  resume(): void {
    const gate = this.#gate;
    if (gate === null || this.#isOver) return;
    this.#gate = null;
    this.#tell({ state: "uploading" });
    gate.open();
  }

  abort(): void {
    if (this.#isOver) return;
    this.#isAborted = true;
    this.#turn.abort();
    this.#gate?.open();
  }

  get #isOver(): boolean {
    return this.#isAborted || this.#progress.state === "done" || this.#progress.state === "failed";
  }

  /** A turn ends with what became of it, or with a pause, after which the next one begins. */
  async #turns(): Promise<FileMetadata<Data>> {
    while (true) {
      await this.#gate?.opens;
      if (this.#isAborted) throw aborted();
      const turn = new AbortController();
      this.#turn = turn;
      try {
        return await this.way.send({
          signal: turn.signal,
          sent: (sent) => this.#tellOf(turn, sent, "uploading"),
          waiting: () => this.#tellOf(turn, this.#progress.sent, "waiting"),
        });
      } catch (error) {
        if (!turn.signal.aborted) throw error;
      }
    }
  }

  #tellOf(turn: AbortController, sent: number, state: UploadState): void {
    if (!turn.signal.aborted) this.#tell({ sent: Math.min(sent, this.#progress.total), state });
  }

  #tell(change: Partial<UploadProgress>): void {
    const { sent, state } = this.#progress;
    const now = { ...this.#progress, ...change };
    this.#progress = now;
    if (now.sent !== sent || now.state !== state) guarded(() => this.onProgress?.(now));
  }
}
