import WebSocket from "ws";
import { type Client, type Clock, createClient, type KeyValueStorage, type SchemaOf } from "../../../src/index.js";
import type { OfflineControl, Persistence } from "../../../src/offline/types.js";
import type { WebSocketConstructor } from "../../../src/realtime/types.js";
import { Network } from "./network.js";

export type Way = "WebSocket" | "event stream";

export interface DeviceOptions {
  url: string;
  way: Way;
  persistence: Persistence;
  network?: Network;
  clock?: Clock;
  retries?: number;
  /** Where the session is kept; else it goes with the client. */
  storage?: KeyValueStorage;
}

/** A client on a network of its own that can be cut off. */
export class Device<Schema extends SchemaOf<Schema>> {
  readonly client: Client<Schema>;
  readonly offline: OfflineControl;
  readonly network: Network;
  readonly #sockets = new Set<WebSocket>();

  constructor({ url, way, persistence, network = new Network(), retries = 0, ...more }: DeviceOptions) {
    const sockets = this.#sockets;
    class CutSocket extends WebSocket {
      constructor(address: string, protocols?: string | string[]) {
        // Where nobody listens.
        super(network.isUp ? address : "ws://127.0.0.1:9", protocols);
        sockets.add(this);
        this.on("close", () => sockets.delete(this));
      }
    }
    this.network = network;
    this.client = createClient<Schema>({
      url,
      retries,
      persistence,
      fetch: network.fetch,
      WebSocket: way === "WebSocket" ? (CutSocket as unknown as WebSocketConstructor) : null,
      ...more,
    });
    this.offline = this.client.offline as OfflineControl;
  }

  cut(): void {
    this.network.down();
    for (const socket of this.#sockets) socket.terminate();
  }

  reconnect(): void {
    this.network.up();
  }
}
