/** What an app holds of a channel. */
import type { Json } from "../documents/types.js";
import { BasaltError, badArgument } from "../errors.js";
import type { Ears, Room } from "./room.js";
import { guarded } from "./timing.js";
import type { Channel, ChannelMessage, PresenceChange, PresenceEntry } from "./types.js";

export interface Desk {
  publish(room: Room, event: string, data: Json | undefined): Promise<void>;
  track(room: Room, presence: { [key: string]: Json } | null): Promise<void>;
  leave(room: Room): void;
}

type OnMessage = (message: ChannelMessage) => void;
type OnPresence = (members: PresenceEntry[], change: PresenceChange) => void;

const CLOSED = () => new BasaltError({ code: "closed", message: "This channel was left." });

export class Handle implements Channel {
  readonly #room: Room;
  readonly #desk: Desk;
  readonly #messages = new Set<OnMessage>();
  readonly #presences = new Set<OnPresence>();
  readonly #errors = new Set<(error: BasaltError) => void>();
  readonly #arrivals = new Set<{ resolve: () => void; reject: (error: BasaltError) => void }>();
  readonly #ears: Ears;
  #left = false;

  constructor(room: Room, desk: Desk) {
    this.#room = room;
    this.#desk = desk;
    this.#ears = {
      message: (message) => each(this.#messages, (listener) => listener(message)),
      presence: (members, change) => each(this.#presences, (listener) => listener(members, change)),
      error: (error) => {
        each(this.#errors, (listener) => listener(error));
        this.#arrive((arrival) => arrival.reject(error));
      },
      joined: () => this.#arrive((arrival) => arrival.resolve()),
    };
    room.ears.add(this.#ears);
  }

  get name(): string {
    return this.#room.name;
  }

  get key(): string | null {
    return this.#room.key;
  }

  get members(): ReadonlyMap<string, PresenceEntry> {
    return this.#room.members;
  }

  joined(): Promise<void> {
    if (this.#left) return Promise.reject(CLOSED());
    if (this.#room.standing === "in") return Promise.resolve();
    if (this.#room.error !== null) return Promise.reject(this.#room.error);
    return new Promise((resolve, reject) => this.#arrivals.add({ resolve, reject }));
  }

  onMessage(listener: OnMessage): () => void;
  onMessage(event: string, listener: OnMessage): () => void;
  onMessage(first: string | OnMessage, second?: OnMessage): () => void {
    if (typeof first === "function") return this.#listen(this.#messages, first);
    if (!second) throw badArgument("onMessage needs a function.");
    return this.#listen(this.#messages, (message) => {
      if (message.event === first) second(message);
    });
  }

  onPresence(listener: OnPresence): () => void {
    let told = false;
    const tell: OnPresence = (members, change) => {
      told = true;
      listener(members, change);
    };
    const stop = this.#listen(this.#presences, tell);
    queueMicrotask(() => {
      const members = [...this.#room.members.values()];
      if (told || members.length === 0 || !this.#presences.has(tell)) return;
      guarded(() => tell(members, { joined: members, left: [], updated: [] }));
    });
    return stop;
  }

  onError(listener: (error: BasaltError) => void): () => void {
    return this.#listen(this.#errors, listener);
  }

  async publish(event: string, data?: Json): Promise<void> {
    if (this.#left) throw CLOSED();
    await this.#desk.publish(this.#room, event, data);
  }

  async track(presence: { [key: string]: Json } | null): Promise<void> {
    if (this.#left) throw CLOSED();
    await this.#desk.track(this.#room, presence);
  }

  leave(): void {
    if (this.#left) return;
    this.#left = true;
    this.#room.ears.delete(this.#ears);
    this.#arrive((arrival) => arrival.reject(CLOSED()));
    for (const listeners of [this.#messages, this.#presences, this.#errors]) listeners.clear();
    this.#desk.leave(this.#room);
  }

  #listen<L>(listeners: Set<L>, listener: L): () => void {
    if (this.#left) throw CLOSED();
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  #arrive(call: (arrival: { resolve: () => void; reject: (error: BasaltError) => void }) => void): void {
    const arrivals = [...this.#arrivals];
    this.#arrivals.clear();
    arrivals.forEach(call);
  }
}

function each<L>(listeners: ReadonlySet<L>, call: (listener: L) => void): void {
  for (const listener of [...listeners]) guarded(() => call(listener));
}
