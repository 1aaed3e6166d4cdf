/** Reads `text/event-stream` (the part of it that the server sends). */

/** Characters of one event: far more than any snapshot, so that a stream without end of line can't fill the memory. */
const MOST = 64 << 20;

/** The `data` of the events as they come, and `null` for each other sign of life. */
export async function* readEvents(stream: ReadableStream<Uint8Array>): AsyncGenerator<string | null, void> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let pieces: string[] = [];
  let held = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      const lines = text.split("\n");
      const rest = lines.pop() ?? "";
      for (const line of lines) {
        const whole = pieces.length === 0 ? line : pieces.join("") + line;
        pieces = [];
        held = 0;
        // The server puts each frame into one line, since JSON texts have no line breaks.
        yield whole.startsWith("data:") ? whole.slice(5).trim() : null;
      }
      if (rest !== "") pieces.push(rest);
      held += rest.length;
      if (held > MOST) throw new RangeError("An event of the stream is too long.");
      if (lines.length === 0) yield null;
    }
  } finally {
    // Let go of the connection also when the reader stops early.
    reader.cancel().catch(() => {});
  }
}
