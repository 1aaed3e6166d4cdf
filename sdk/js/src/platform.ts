/** What the environment brings along, where the app gives nothing of its own. */
import { badArgument } from "./errors.js";
import type { WebSocketConstructor } from "./realtime/types.js";
import type { Fetch } from "./transport/types.js";

export function fetchOf(options: { fetch?: Fetch }): Fetch {
  if (options.fetch) return options.fetch;
  if (typeof globalThis.fetch !== "function") throw badArgument("There is no fetch here: give one as an option.");
  // Looked up at each call: test tools and service workers replace it.
  return (input, init) => globalThis.fetch(input, init);
}

export function webSocketOf(options: { WebSocket?: WebSocketConstructor | null }): WebSocketConstructor | undefined {
  if (options.WebSocket !== undefined) return options.WebSocket ?? undefined;
  return (globalThis as { WebSocket?: WebSocketConstructor }).WebSocket;
}
