/** Frames over a WebSocket. */
import { BasaltError } from "../errors.js";
import { type ClientFrame, parseFrame } from "./frames.js";
import type { Link, LinkContext, LinkEvents } from "./link.js";
import { Pace } from "./pace.js";
import { after } from "./timing.js";
import type { WebSocketConstructor, WebSocketLike } from "./types.js";

/** A proxy that swallows the upgrade is found out after this. */
const OPEN_WITHIN = 10_000;
/** Browsers hide the protocol's pings, so silence is asked about. */
const PING_AFTER = 25_000;
const ANSWER_WITHIN = 10_000;
/** After a wake-up the user is waiting. */
const PROBE_WITHIN = 4_000;

export function openWebSocket(WebSocket: WebSocketConstructor, context: LinkContext, events: LinkEvents): Link {
  const url = `${context.transport.url.replace(/^http/, "ws")}/v1/realtime`;
  return new SocketLink(new WebSocket(url, "basalt.v1"), context, events);
}

class SocketLink implements Link {
  readonly #socket: WebSocketLike;
  readonly #context: LinkContext;
  readonly #events: LinkEvents;
  readonly #pace: Pace;
  #open = false;
  #ended = false;
  #alive = false;
  /** A ping is under way, and nothing was heard since. */
  #asked = false;
  #heard: number;
  #timer: () => void;

  constructor(socket: WebSocketLike, context: LinkContext, events: LinkEvents) {
    this.#socket = socket;
    this.#context = context;
    this.#events = events;
    this.#heard = context.clock.now();
    this.#pace = new Pace(context.clock, (text) => this.#write(text));
    this.#timer = after(context.clock, OPEN_WITHIN, () => this.#end("The WebSocket did not open in time."));
    socket.onopen = () => this.#opened();
    socket.onmessage = (event) => this.#message(event.data);
    socket.onerror = () => this.#end("The WebSocket failed.");
    socket.onclose = () => this.#end("The WebSocket was closed.");
  }

  send(frame: ClientFrame): boolean {
    return this.#open && !this.#ended && this.#pace.send(JSON.stringify(frame));
  }

  probe(): void {
    if (this.#open && !this.#ended) this.#ask(PROBE_WITHIN);
  }

  close(): void {
    this.#release();
    try {
      this.#socket.close(1000);
    } catch {
      // One that never opened may refuse to be closed.
    }
  }

  #opened(): void {
    if (this.#ended || this.#open) return;
    this.#open = true;
    this.#heard = this.#context.clock.now();
    this.#events.opened();
    // A way that opens but lets nothing through is none: the answer is the proof.
    this.#ask(ANSWER_WITHIN);
  }

  #message(data: unknown): void {
    if (this.#ended || typeof data !== "string") return;
    this.#heard = this.#context.clock.now();
    this.#asked = false;
    if (!this.#alive) {
      this.#alive = true;
      this.#events.alive();
    }
    const frame = parseFrame(data);
    if (frame !== null && frame.type !== "pong" && !this.#ended) this.#events.frame(frame);
  }

  #ask(within: number): void {
    this.#asked = true;
    this.#write('{"type":"ping"}');
    this.#again(within, () => {
      if (this.#asked) this.#end("The server fell silent.");
      else this.#watch();
    });
  }

  /** Sleeps through the time that was not silent, instead of beginning anew at each frame. */
  #watch(): void {
    const left = this.#heard + PING_AFTER - this.#context.clock.now();
    if (left <= 0) this.#ask(ANSWER_WITHIN);
    else this.#again(left, () => this.#watch());
  }

  #again(milliseconds: number, task: () => void): void {
    this.#timer();
    this.#timer = after(this.#context.clock, milliseconds, task);
  }

  #write(text: string): void {
    try {
      this.#socket.send(text);
    } catch {
      this.#end("The WebSocket takes nothing any more.");
    }
  }

  #release(): void {
    this.#ended = true;
    this.#timer();
    this.#pace.stop();
    this.#socket.onopen = null;
    this.#socket.onmessage = null;
    this.#socket.onclose = null;
    // `ws` emits `error` after a close before the opening, and an unheard one would end the process.
    this.#socket.onerror = () => {};
  }

  #end(message: string): void {
    if (this.#ended) return;
    this.close();
    this.#events.closed(new BasaltError({ code: "network", message }));
  }
}
