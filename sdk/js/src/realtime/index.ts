/** Live queries and channels over one connection, which exists while something is watched. */
import type { SubscribeSpec } from "../documents/types.js";
import { BasaltError, isBasaltError } from "../errors.js";
import { Connection } from "./connection.js";
import type { ServerFrame } from "./frames.js";
import type { Owner } from "./owner.js";
import { Rooms } from "./rooms.js";
import { guarded, pageSurroundings } from "./timing.js";
import type { Channel, ChannelOptions, ConnectionState, LiveHandlers, Realtime, RealtimeOptions } from "./types.js";
import { type Line, Watches } from "./watches.js";

export function createRealtime(options: RealtimeOptions): Realtime {
  return new Session(options);
}

class Session implements Realtime, Owner {
  readonly #connection: Connection;
  readonly #watches: Watches;
  readonly #rooms: Rooms;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #names = 0;
  #closed = false;

  constructor(options: RealtimeOptions) {
    const { transport, tokens, clock, WebSocket, surroundings = pageSurroundings } = options;
    const line: Line = {
      clock,
      name: () => `${++this.#names}`,
      send: (frame) => this.#connection.send(frame),
      changed: () => this.#changed(),
    };
    this.#watches = new Watches(line);
    this.#rooms = new Rooms(line);
    this.#connection = new Connection({ transport, tokens, clock, surroundings, WebSocket }, this);
  }

  get state(): ConnectionState {
    return this.#connection.state;
  }

  onState(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  subscribe(spec: SubscribeSpec, handlers: LiveHandlers): () => void {
    try {
      if (this.#closed) throw new BasaltError({ code: "closed", message: "The client was closed." });
      return this.#watches.subscribe(spec, handlers);
    } catch (error) {
      if (!isBasaltError(error)) throw error;
      queueMicrotask(() => guarded(() => handlers.error(error)));
      return () => {};
    }
  }

  channel(name: string, options: ChannelOptions = {}): Channel {
    if (this.#closed) throw new BasaltError({ code: "closed", message: "The client was closed." });
    return this.#rooms.channel(name, options);
  }

  close(): void {
    this.#closed = true;
    this.#connection.close();
    this.#watches.close();
    this.#rooms.close();
  }

  wanted(): ReturnType<Owner["wanted"]> {
    return { subscriptions: this.#watches.wanted(), channels: this.#rooms.wanted() };
  }

  opened(): void {
    this.#rooms.opened();
  }

  frame(frame: ServerFrame): void {
    if (this.#rooms.frame(frame)) return;
    const id = "id" in frame ? frame.id : null;
    if (typeof id === "string") this.#watches.frame(id, frame);
  }

  restarted(): void {
    this.#watches.restarted();
  }

  lost(): void {
    this.#watches.lost();
    this.#rooms.lost();
  }

  refused(error: BasaltError): void {
    this.#watches.refused(error);
    this.#rooms.refused(error);
  }

  changedHands(hadUser: boolean): void {
    if (hadUser) {
      this.#watches.forget();
      this.#rooms.forget();
    }
    this.#watches.reconsider();
    this.#rooms.reconsider();
    this.#changed();
  }

  stateChanged(state: ConnectionState): void {
    if (state !== "idle") this.#watches.become(state);
    for (const listener of [...this.#listeners]) guarded(() => listener(state));
  }

  #changed(): void {
    if (this.#closed) return;
    if (this.#watches.isEmpty && this.#rooms.isEmpty) this.#connection.rest();
    else this.#connection.want();
  }
}
