/** A message to a channel over HTTP, answered as over a connection. */
import { isBasaltError } from "../errors.js";
import type { Transport } from "../transport/types.js";
import type { ClientFrame, ServerFrame } from "./frames.js";

type Publish = Extract<ClientFrame, { type: "publish" }>;

export async function say(transport: Transport, { id, channel, event, data }: Publish): Promise<ServerFrame> {
  const path = `/v1/channels/${encodeURIComponent(channel)}/messages`;
  try {
    await transport.request({
      method: "POST",
      path,
      body: data === undefined ? { event } : { event, data },
      idempotencyKey: false,
    });
    return { type: "ok", id };
  } catch (error) {
    if (!isBasaltError(error))
      return { type: "error", id, code: "network", message: "The message did not get through." };
    const { code, message, errors, retryAfter } = error;
    return { type: "error", id, code, message, errors, ...(retryAfter !== undefined && { retryAfterMs: retryAfter }) };
  }
}
