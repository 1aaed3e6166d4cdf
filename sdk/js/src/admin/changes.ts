/** The log of all changes: pages, a stream that goes on, and consumers whose places the server keeps. */
import type { Expression } from "../documents/expression.js";
import { inlined } from "../documents/inline.js";
import type { CallOptions } from "../documents/types.js";
import type { Clock, Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import { goingOn } from "./events.js";
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
    const open = (last: string | null) =>
      this.transport.stream({
        method: "GET",
        path: "/v1/changes",
        query: wire(query),
        headers: last === null ? {} : { "last-event-id": last },
        accept: "text/event-stream",
        ...(signal && { signal }),
      });
    for await (const { data } of goingOn(this.clock, open, signal)) yield JSON.parse(data) as Change;
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
}

function wire({ since, consumer, collections, where }: ChangeQuery): Record<string, string | undefined> {
  return { since, consumer, collection: collections?.join(","), filter: where && inlined(where) };
}
