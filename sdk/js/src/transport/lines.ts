import { BasaltError } from "../errors.js";
import { networkError } from "./attempt.js";

/** Far more than a document or a change can have, so that a stream without line breaks can't fill the memory. */
const LONGEST = 16 << 20;

/** The lines of a stream of UTF-8, without their ends. A stream that breaks off is an error `network`. */
export async function* readLines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let open = "";
  try {
    while (true) {
      const { done, value } = await reader.read().catch((error) => {
        throw networkError(error);
      });
      const lines = (open + (done ? decoder.decode() : decoder.decode(value, { stream: true }))).split("\n");
      open = lines.pop() ?? "";
      for (const line of lines) yield line.endsWith("\r") ? line.slice(0, -1) : line;
      if (open.length > LONGEST)
        throw new BasaltError({ code: "bad_answer", message: "A line of the stream is too long." });
      if (done) {
        if (open !== "") yield open;
        return;
      }
    }
  } finally {
    // Lets go of the connection also when the reader stops early.
    reader.cancel().catch(() => {});
  }
}

/** The values of a stream of NDJSON. */
export async function* readNdjson<T>(stream: ReadableStream<Uint8Array>): AsyncGenerator<T, void, undefined> {
  for await (const line of readLines(stream)) {
    if (line === "") continue;
    let value: T;
    try {
      value = JSON.parse(line) as T;
    } catch (cause) {
      throw new BasaltError({ code: "bad_answer", message: "A line of the stream is no JSON.", cause });
    }
    yield value;
  }
}
