/** A server's end of the line, played by the test. */
import type { AuthEvent, TokenSource } from "../../../src/auth/types.js";
import type { Document, SubscribeSpec } from "../../../src/documents/types.js";
import type { BasaltError } from "../../../src/errors.js";
import { createRealtime } from "../../../src/realtime/index.js";
import type { LiveChange, Realtime, WebSocketConstructor, WebSocketLike } from "../../../src/realtime/types.js";
import type { ApiAnswer, ApiRequest, Transport } from "../../../src/transport/types.js";
import { FakeClock, settle } from "../../support/clock.js";

export type Frame = Record<string, unknown> & { type: string };

/** One WebSocket of the client's, and what it sent. */
export class FakeSocket implements WebSocketLike {
  readyState = 0;
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  readonly sent: Frame[] = [];
  closedWith: number | null = null;

  constructor(readonly url: string) {}

  send(data: string): void {
    this.sent.push(JSON.parse(data));
  }

  close(code = 1005): void {
    this.closedWith ??= code;
  }

  /** What was sent but pings. */
  get said(): Frame[] {
    return this.sent.filter(({ type }) => type !== "ping");
  }

  of(type: string): Frame[] {
    return this.sent.filter((frame) => frame.type === type);
  }

  open(): void {
    this.onopen?.({});
  }

  get(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  breakOff(): void {
    this.onclose?.({ code: 1006, reason: "" });
  }
}

/** A token of a user, as much of one as the client looks at. */
export function tokenOf(user: string, serial = 1): string {
  const claims = { sub: user, iat: 1_000, exp: 1_900, jti: serial };
  return `e30.${btoa(JSON.stringify(claims)).replaceAll("=", "")}.x`;
}

export class FakeTokens implements TokenSource {
  current: string | null = null;
  /** What `refused` gives next. */
  next: string | null = null;
  readonly refusals: string[] = [];
  readonly #listeners = new Set<(event: AuthEvent) => void>();

  token = async () => this.current;
  userId = async () => null;

  async refused(token: string): Promise<string | null> {
    this.refusals.push(token);
    this.become(this.next, this.next ? "token_refreshed" : "session_ended");
    return this.current;
  }

  onChange(listener: (event: AuthEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  become(token: string | null, type: AuthEvent["type"]): void {
    this.current = token;
    for (const listener of this.#listeners) listener({ type, userId: null });
  }
}

/** A stream of events that the test writes. */
export class FakeStream {
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  readonly body: ReadableStream<Uint8Array>;
  cancelled = false;

  constructor(readonly request: ApiRequest) {
    this.body = new ReadableStream({
      start: (controller) => {
        this.#controller = controller;
      },
      cancel: () => {
        this.cancelled = true;
      },
    });
    request.signal?.addEventListener("abort", () => this.#fail());
  }

  get asked(): { subscriptions: Frame[]; channels: Frame[] } {
    return this.request.body as { subscriptions: Frame[]; channels: Frame[] };
  }

  write(text: string): void {
    this.#controller?.enqueue(new TextEncoder().encode(text));
  }

  get(frame: object): void {
    this.write(`data: ${JSON.stringify(frame)}\n\n`);
  }

  end(): void {
    this.#controller?.close();
  }

  #fail(): void {
    try {
      this.#controller?.error(new DOMException("aborted", "AbortError"));
    } catch {
      // It has ended already.
    }
  }
}

export interface Heard {
  snapshots: { docs: Document[]; seq: string }[];
  changes: { changes: LiveChange[]; seq: string }[];
  errors: BasaltError[];
  states: string[];
  stop: () => void;
}

export class World {
  readonly clock = new FakeClock();
  readonly tokens = new FakeTokens();
  readonly sockets: FakeSocket[] = [];
  readonly streams: FakeStream[] = [];
  readonly requests: ApiRequest[] = [];
  /** What a stream's request is answered with instead of a stream. */
  refuse: (request: ApiRequest) => BasaltError | null = () => null;
  answer: (request: ApiRequest) => BasaltError | null = () => null;
  wake: () => void = () => {};
  loseNetwork: () => void = () => {};
  readonly realtime: Realtime;

  constructor(options: { sockets?: boolean } = {}) {
    const { sockets, streams } = this;
    const Socket = class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
      }
    };
    const transport: Transport = {
      url: "http://server.test",
      request: async <T>(request: ApiRequest) => {
        this.requests.push(request);
        const error = this.answer(request);
        if (error) throw error;
        return { data: null, status: 202, etag: null, seq: null, requestId: null, replayed: false } as ApiAnswer<T>;
      },
      response: () => Promise.reject(new Error("not asked for")),
      stream: async (request: ApiRequest) => {
        const error = this.refuse(request);
        if (error) throw error;
        const stream = new FakeStream(request);
        streams.push(stream);
        return stream.body;
      },
    };
    this.realtime = createRealtime({
      transport,
      url: transport.url,
      tokens: this.tokens,
      clock: this.clock,
      WebSocket: options.sockets === false ? undefined : (Socket as WebSocketConstructor),
      surroundings: {
        onWake: (wake) => {
          this.wake = wake;
          return () => {};
        },
        onOffline: (lose) => {
          this.loseNetwork = lose;
          return () => {};
        },
      },
    });
  }

  get socket(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("there is no socket");
    return socket;
  }

  get stream(): FakeStream {
    const stream = this.streams.at(-1);
    if (!stream) throw new Error("there is no stream");
    return stream;
  }

  listen(spec: SubscribeSpec): Heard {
    const heard: Heard = { snapshots: [], changes: [], errors: [], states: [], stop: () => {} };
    heard.stop = this.realtime.subscribe(spec, {
      snapshot: (docs, seq) => heard.snapshots.push({ docs, seq }),
      changes: (changes, seq) => heard.changes.push({ changes, seq }),
      error: (error) => heard.errors.push(error),
      state: (state) => heard.states.push(state),
    });
    return heard;
  }

  /** The client's socket opens, and the server shows that it is there. */
  async open(): Promise<FakeSocket> {
    await settle();
    this.socket.open();
    this.socket.get({ type: "pong" });
    await settle();
    return this.socket;
  }
}

export function idOf(frame: Frame | undefined): string {
  if (typeof frame?.id !== "string") throw new Error(`no id in ${JSON.stringify(frame)}`);
  return frame.id;
}

export const doc = (id: string, more: object = {}) => ({
  id,
  rev: `r-${id}`,
  createdAt: "2026-11-22T08:00:00.000Z",
  updatedAt: "2026-11-22T08:00:00.000Z",
  ...more,
});
