/** The log of all changes: pages, a stream that goes on, and consumers whose places the server keeps. */
import type { Expression } from "../documents/expression.js";
import { inlined } from "../documents/inline.js";
import type { CallOptions } from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import { readLines } from "../transport/lines.js";
import { DEFAULT_RETRIES } from "../transport/retry.js";
import type { Clock, Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import type { Change, ChangePage, Consumer } from "./types.js";

export interface ChangeQuery {
  /** A place in the log; `0` is its beginning, `now` its end. */
  since?: string;
  /** Begins where this consumer stands, instead of `since`. */
  consumer?: string;
  /** One collection, or up to twenty. */
  collections?: readonly string[];
  /** `cel` over the event: `op`, `collection`, `doc`, `before`, `actor`, … */
  where?: Expression;
}

export interface PageQuery extends ChangeQuery {
  limit?: number;
  /** Where nothing is there yet, waits for the first change: `30s`. */
  wait?: string;
}

/** What heals by itself: the stream is asked for again. */
const PASSING = ["network", "timeout", "unavailable", "overloaded", "rate_limited", "internal"];

export class Changes {
  constructor(
    private readonly transport: Transport,
    private readonly clock: Clock,
  ) {}

  page({ limit, wait, ...query }: PageQuery = {}, options?: CallOptions): Promise<ChangePage> {
    return call(this.transport, "GET", "/v1/changes", { query: { ...wire(query), limit, wait } }, options);
  }

  /**
   * Each change once and in order, for ever: over lost connections and restarts it goes on after the last one that was
   * read. End it by `break` or the signal. `cursor_expired` where the log no longer reaches back that far.
   */
  async *follow(
    query: ChangeQuery = {},
    { signal }: { signal?: AbortSignal } = {},
  ): AsyncGenerator<Change, void, undefined> {
    let last: string | null = null;
    let failures = 0;
    while (!signal?.aborted) {
      try {
        for await (const { id, change } of this.#stream(query, last, signal)) {
          last = id;
          failures = 0;
          yield change;
          // What has come already is not given to who has stopped.
          if (signal?.aborted) return;
        }
      } catch (error) {
        if (signal?.aborted) return;
        if (!PASSING.some((code) => isBasaltError(error, code))) throw error;
      }
      const most = Math.min(DEFAULT_RETRIES.longestWait, DEFAULT_RETRIES.firstWait * 2 ** Math.min(failures, 10));
      failures += 1;
      await this.clock.sleep(this.clock.random() * most, signal).catch(() => {});
    }
  }

  consumers(options?: CallOptions): Promise<Consumer[]> {
    return items(this.transport, "/v1/changes/consumers", options);
  }

  consumer(name: string, options?: CallOptions): Promise<Consumer> {
    return call(this.transport, "GET", `/v1/changes/consumers/${segment(name)}`, {}, options);
  }

  /** Makes a consumer, or moves it forward; `force` moves it back, too. The log waits for it. */
  moveConsumer(name: string, since: string, more: { force?: boolean } = {}, options?: CallOptions): Promise<Consumer> {
    return call(this.transport, "PUT", `/v1/changes/consumers/${segment(name)}`, { body: { since, ...more } }, options);
  }

  deleteConsumer(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", `/v1/changes/consumers/${segment(name)}`, {}, options);
  }

  async *#stream(
    query: ChangeQuery,
    last: string | null,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<{ id: string; change: Change }, void, undefined> {
    const stream = await this.transport.stream({
      method: "GET",
      path: "/v1/changes",
      query: wire(query),
      headers: last === null ? {} : { "last-event-id": last },
      accept: "text/event-stream",
      ...(signal && { signal }),
    });
    for await (const event of readServerEvents(readLines(stream))) {
      if (event.type === "error") throw problem(event.data);
      yield { id: event.id, change: JSON.parse(event.data) as Change };
    }
  }
}

function wire({ since, consumer, collections, where }: ChangeQuery): Record<string, string | undefined> {
  return { since, consumer, collection: collections?.join(","), filter: where && inlined(where) };
}

interface ServerEvent {
  type: string;
  id: string;
  data: string;
}

/** `text/event-stream` as the HTML standard reads it: an event ends at an empty line, one without data is none. */
async function* readServerEvents(lines: AsyncIterable<string>): AsyncGenerator<ServerEvent, void, undefined> {
  let event: { type: string; data: string[] } = { type: "message", data: [] };
  let id = "";
  for await (const line of lines) {
    if (line === "") {
      if (event.data.length > 0) yield { type: event.type, id, data: event.data.join("\n") };
      event = { type: "message", data: [] };
      continue;
    }
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "data") event.data.push(value);
    else if (name === "event") event.type = value;
    else if (name === "id") id = value;
  }
}

function problem(text: string): BasaltError {
  const { code, detail, title, status } = JSON.parse(text) as Record<string, unknown>;
  const message = String(detail ?? title ?? "The stream ended with an error.");
  return new BasaltError({ code: String(code ?? "internal"), message, status: Number(status ?? 0) });
}
