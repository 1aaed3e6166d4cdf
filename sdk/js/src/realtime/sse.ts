/**
 * Frames over `POST /v1/realtime/sse`, for where there is no WebSocket or none gets through. A stream's request says all
 * that is watched; so whenever that changes the stream is asked for anew, and goes on from the places it had reached.
 */
import { BasaltError, isBasaltError } from "../errors.js";
import { Echoes } from "./echoes.js";
import { readEvents } from "./events.js";
import { type ClientFrame, type JoinFields, parseFrame, type ServerFrame, type SubscribeFields } from "./frames.js";
import type { Link, LinkContext, LinkEvents } from "./link.js";
import { say } from "./say.js";
import { after } from "./timing.js";

/** Several frames in a row make one request. */
const GATHER = 10;
/** The server gives a sign of life every 25 seconds. */
const SILENCE = 60_000;
const SILENCE_AT_WAKE = 30_000;
const HEAD_WITHIN = 15_000;

interface Wanted {
  subscriptions: SubscribeFields[];
  channels: JoinFields[];
}

export function openEventStream(context: LinkContext, events: LinkEvents): Link {
  return new StreamLink(context, events);
}

class StreamLink implements Link {
  readonly #context: LinkContext;
  readonly #events: LinkEvents;
  readonly #subscriptions = new Map<string, SubscribeFields>();
  readonly #channels = new Map<string, JoinFields>();
  /** Names that a request with them was taken for: they can't be what is wrong with another. */
  readonly #good = new Set<string>();
  readonly #echoes: Echoes;
  #stream: AbortController | null = null;
  #gathering: (() => void) | null = null;
  #silence: () => void = () => {};
  #heard = 0;
  #alive = false;
  #ended = false;

  constructor(context: LinkContext, events: LinkEvents) {
    this.#context = context;
    this.#events = events;
    this.#echoes = new Echoes(context.clock);
    queueMicrotask(() => {
      if (!this.#ended) events.opened();
    });
  }

  send(frame: ClientFrame): boolean {
    if (this.#ended) return false;
    switch (frame.type) {
      case "subscribe": {
        const { type: _, ...fields } = frame;
        this.#subscriptions.set(fields.id, fields);
        break;
      }
      case "join": {
        const { type: _, ...fields } = frame;
        this.#channels.set(fields.channel, fields);
        break;
      }
      case "unsubscribe":
        this.#subscriptions.delete(frame.id);
        break;
      case "leave":
        this.#channels.delete(frame.channel);
        break;
      case "track":
        this.#track(frame.channel, frame.presence);
        break;
      case "publish":
        void this.#say(frame);
        return true;
      case "ping":
        return true;
      case "auth":
        // The transport sends the token of the moment.
        break;
    }
    this.#ask();
    if (frame.type !== "subscribe" && frame.type !== "join") this.#answer({ type: "ok", id: frame.id });
    return true;
  }

  probe(): void {
    if (this.#stream && this.#context.clock.now() - this.#heard > SILENCE_AT_WAKE) this.#ask();
  }

  close(): void {
    this.#ended = true;
    this.#gathering?.();
    this.#silence();
    this.#stream?.abort();
  }

  async #say(frame: Extract<ClientFrame, { type: "publish" }>): Promise<void> {
    const unsaid = this.#echoes.expect(frame.channel, frame.event, frame.data ?? null);
    const answer = await say(this.#context.transport, frame);
    if (answer.type === "error") unsaid();
    if (!this.#ended) this.#events.frame(answer);
  }

  #track(channel: string, presence: JoinFields["presence"] | null): void {
    const join = this.#channels.get(channel);
    if (!join) return;
    const { presence: _, ...rest } = join;
    this.#channels.set(channel, presence ? { ...rest, presence } : rest);
  }

  /** Later, as a server's answer would come. */
  #answer(frame: ServerFrame): void {
    queueMicrotask(() => {
      if (!this.#ended) this.#events.frame(frame);
    });
  }

  #ask(): void {
    this.#gathering ??= after(this.#context.clock, GATHER, () => {
      this.#gathering = null;
      if (this.#stream) {
        this.#stream.abort();
        this.#events.restarted();
      }
      const stream = new AbortController();
      this.#stream = stream;
      this.#run(stream).catch((error: unknown) => this.#fail(stream, error));
    });
  }

  async #run(own: AbortController): Promise<void> {
    const body = await this.#open(own);
    for await (const data of readEvents(body)) {
      if (own.signal.aborted) return;
      this.#hear(own);
      const frame = data === null ? null : parseFrame(data);
      if (frame !== null) this.#deliver(frame);
    }
    throw new BasaltError({ code: "network", message: "The event stream ended." });
  }

  /** Asks for the stream; where the request is refused, what is wrong with it is told apart from the rest. */
  async #open(own: AbortController): Promise<ReadableStream<Uint8Array>> {
    const asked: Wanted = { subscriptions: [...this.#subscriptions.values()], channels: [...this.#channels.values()] };
    try {
      const body = await this.#request(asked, own);
      for (const { id } of [...asked.subscriptions, ...asked.channels]) this.#good.add(id);
      this.#hear(own);
      return body;
    } catch (error) {
      if (!isBadRequest(error) || own.signal.aborted) throw error;
      const wrong = await this.#sift(asked, own);
      if (wrong === 0) throw error;
      return this.#open(own);
    }
  }

  /** Tries what wasn't proven good one by one; gives how many were bad. */
  async #sift(asked: Wanted, own: AbortController): Promise<number> {
    let wrong = 0;
    for (const fields of [...asked.subscriptions, ...asked.channels]) {
      if (this.#good.has(fields.id)) continue;
      const isJoin = "channel" in fields;
      const alone = isJoin ? { subscriptions: [], channels: [fields] } : { subscriptions: [fields], channels: [] };
      const probe = new AbortController();
      try {
        await this.#request(alone, probe);
        this.#good.add(fields.id);
      } catch (error) {
        if (!isBadRequest(error) || own.signal.aborted) throw error;
        wrong += 1;
        this.#deliver({ type: "error", id: fields.id, code: error.code, message: error.message, errors: error.errors });
        if (isJoin) this.#channels.delete(fields.channel);
      } finally {
        probe.abort();
      }
    }
    return wrong;
  }

  async #request(body: Wanted, own: AbortController): Promise<ReadableStream<Uint8Array>> {
    const request = {
      method: "POST",
      path: "/v1/realtime/sse",
      body,
      accept: "text/event-stream",
      idempotencyKey: false,
      signal: own.signal,
      timeout: HEAD_WITHIN,
      // The connection has its own way of trying again.
      retries: 0,
    } as const;
    return await this.#context.transport.stream(request);
  }

  #hear(own: AbortController): void {
    this.#heard = this.#context.clock.now();
    if (!this.#alive) {
      this.#alive = true;
      this.#events.alive();
    }
    this.#silence();
    this.#silence = after(this.#context.clock, SILENCE, () => {
      own.abort();
      this.#fail(own, new BasaltError({ code: "network", message: "The server fell silent." }));
    });
  }

  #deliver(frame: ServerFrame): void {
    if (frame.type === "snapshot" || (frame.type === "change" && !frame.more)) {
      const fields = this.#subscriptions.get(frame.id);
      if (fields) fields.since = frame.seq;
    }
    if (frame.type === "error") {
      if (typeof frame.id === "string") this.#subscriptions.delete(frame.id);
      if (frame.channel !== undefined) this.#channels.delete(frame.channel);
    }
    if (frame.type === "message" && this.#echoes.has(frame)) return;
    if (!this.#ended) this.#events.frame(frame);
  }

  #fail(own: AbortController, error: unknown): void {
    if (this.#ended || this.#stream !== own) return;
    this.close();
    const cause = isBasaltError(error)
      ? error
      : new BasaltError({ code: "network", message: "The event stream broke.", cause: error });
    this.#events.closed(cause);
  }
}

/** Something in the request itself is wrong: sending it again would change nothing. */
function isBadRequest(error: unknown): error is BasaltError {
  if (!isBasaltError(error)) return false;
  return error.status === 400 || error.status === 404 || error.status === 422 || error.code === "quota_exceeded";
}
