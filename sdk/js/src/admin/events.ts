/** Streams of server-sent events that go on over lost connections. */
import { BasaltError, isBasaltError } from "../errors.js";
import { readLines } from "../transport/lines.js";
import { DEFAULT_RETRIES } from "../transport/retry.js";
import type { Clock } from "../transport/types.js";

export interface ServerEvent {
  type: string;
  id: string;
  data: string;
}

/** What heals by itself: the stream is asked for again. */
const PASSING = ["network", "timeout", "unavailable", "overloaded", "rate_limited", "internal"];

/** The events of `open`'s streams, one stream after the other, for ever; `open` is told the last id that was read. */
export async function* goingOn(
  clock: Clock,
  open: (last: string | null) => Promise<ReadableStream<Uint8Array>>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ServerEvent, void, undefined> {
  let last: string | null = null;
  let failures = 0;
  while (!signal?.aborted) {
    try {
      for await (const event of readServerEvents(readLines(await open(last)))) {
        if (event.type === "error") throw problem(event.data);
        last = event.id;
        failures = 0;
        yield event;
        // What has come already is not given to who has stopped.
        if (signal?.aborted) return;
      }
    } catch (error) {
      if (signal?.aborted) return;
      if (!PASSING.some((code) => isBasaltError(error, code))) throw error;
    }
    const most = Math.min(DEFAULT_RETRIES.longestWait, DEFAULT_RETRIES.firstWait * 2 ** Math.min(failures, 10));
    failures += 1;
    await clock.sleep(clock.random() * most, signal).catch(() => {});
  }
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
