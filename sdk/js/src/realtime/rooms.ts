/** All channels of a client. */
import type { Json } from "../documents/types.js";
import { BasaltError, badArgument } from "../errors.js";
import { Answers } from "./answers.js";
import { type Desk, Handle } from "./channel.js";
import type { JoinFields, ServerFrame } from "./frames.js";
import { Room } from "./room.js";
import { after, backOff } from "./timing.js";
import type { Channel, ChannelOptions } from "./types.js";
import { errorOf } from "./watch.js";
import { type Line, PASSING } from "./watches.js";

type Presence = { [key: string]: Json };

const MOST = 100;
const NAME = /^[A-Za-z0-9_.~@-]+(:[A-Za-z0-9_.~@-]+)*$/;
const MOST_MESSAGE_BYTES = 32 << 10;
const MOST_PRESENCE_BYTES = 4 << 10;
/** A message may wait so long for the connection. */
const PATIENCE = 10_000;

export class Rooms implements Desk {
  readonly #line: Line;
  readonly #rooms = new Map<string, Room>();
  readonly #answers: Answers;
  readonly #atOpening = new Set<() => void>();
  #isOpen = false;

  constructor(line: Line) {
    this.#line = line;
    this.#answers = new Answers(line.clock);
  }

  get isEmpty(): boolean {
    return this.#rooms.size === 0;
  }

  channel(name: string, options: ChannelOptions): Channel {
    if (name.length > 128 || !NAME.test(name)) throw badArgument(`${JSON.stringify(name)} is no name of a channel.`);
    if (options.presence) checkPresence(options.presence);
    const known = this.#rooms.get(name);
    const room = known ?? this.#begin(name, options.presence ?? null);
    const handle = new Handle(room, this);
    if (!known) this.#line.send({ type: "join", ...room.fields() });
    else if (options.presence) this.track(room, options.presence).catch(() => {});
    this.#line.changed();
    return handle;
  }

  async publish(room: Room, event: string, data: Json | undefined): Promise<void> {
    if (event.length === 0 || bytes(event) > 64) throw badArgument("An event is a text of 1 to 64 bytes.");
    if (bytes(event) + bytes(JSON.stringify(data ?? null)) > MOST_MESSAGE_BYTES) {
      throw new BasaltError({ code: "too_large", message: `A message has at most ${MOST_MESSAGE_BYTES} bytes.` });
    }
    await this.#opening();
    const id = this.#line.name();
    const frame = { type: "publish", id, channel: room.name, event, ...(data !== undefined && { data }) } as const;
    await this.#answers.of(id, () => this.#line.send(frame));
  }

  async track(room: Room, presence: Presence | null): Promise<void> {
    if (presence) checkPresence(presence);
    room.presence = presence;
    // Without a link it is told when coming in again.
    if (!this.#isOpen || room.standing === "refused") return;
    const id = this.#line.name();
    await this.#answers.of(id, () => this.#line.send({ type: "track", id, channel: room.name, presence }));
  }

  leave(room: Room): void {
    if (room.ears.size > 0 || this.#rooms.get(room.name) !== room) return;
    room.pausing?.();
    this.#rooms.delete(room.name);
    if (room.standing !== "refused") this.#line.send({ type: "leave", id: this.#line.name(), channel: room.name });
    this.#line.changed();
  }

  wanted(): JoinFields[] {
    return [...this.#rooms.values()].filter(isWanted).map((room) => room.fields());
  }

  /** `false`: it is none of this room's. */
  frame(frame: ServerFrame): boolean {
    const id = "id" in frame && typeof frame.id === "string" ? frame.id : null;
    if (frame.type === "message" || frame.type === "presence") {
      const room = this.#rooms.get(frame.channel);
      if (frame.type === "message") room?.message(frame);
      else room?.presenceFrame(frame);
      return true;
    }
    if (frame.type === "resync" && frame.channel !== undefined) return true;
    if (id !== null && this.#answers.frame(id, frame)) return true;
    if (frame.type !== "ok" && frame.type !== "error") return false;
    const channel = frame.type === "error" ? frame.channel : undefined;
    const room = [...this.#rooms.values()].find((known) => known.id === id || known.name === channel);
    if (!room) return false;
    if (frame.type === "ok") room.joined(frame.key ?? null);
    else this.#failed(room, errorOf(frame));
    return true;
  }

  opened(): void {
    this.#isOpen = true;
    const waiting = [...this.#atOpening];
    this.#atOpening.clear();
    for (const go of waiting) go();
  }

  lost(): void {
    this.#isOpen = false;
    this.#answers.lost();
    for (const room of this.#rooms.values()) if (room.standing === "in") room.standing = "asked";
  }

  refused(error: BasaltError): void {
    for (const room of [...this.#rooms.values()]) room.refuse(error);
  }

  reconsider(): void {
    for (const room of this.#rooms.values()) {
      if (room.standing !== "refused") continue;
      room.askAgain();
      this.#line.send({ type: "join", ...room.fields() });
    }
  }

  forget(): void {
    for (const room of this.#rooms.values()) room.forget();
  }

  close(): void {
    for (const room of this.#rooms.values()) room.pausing?.();
    this.#rooms.clear();
    this.lost();
  }

  #begin(name: string, presence: Presence | null): Room {
    if (this.#rooms.size >= MOST) {
      throw new BasaltError({ code: "quota_exceeded", message: `A client is in at most ${MOST} channels.` });
    }
    const room = new Room(name, this.#line.name(), presence);
    this.#rooms.set(name, room);
    return room;
  }

  #failed(room: Room, error: BasaltError): void {
    if (!PASSING.has(error.code)) {
      room.refuse(error);
      return;
    }
    room.failures += 1;
    const pause = Math.max(error.retryAfter ?? 0, backOff(room.failures, this.#line.clock));
    room.pausing ??= after(this.#line.clock, pause, () => {
      room.pausing = null;
      if (isWanted(room)) this.#line.send({ type: "join", ...room.fields() });
    });
  }

  #opening(): Promise<void> {
    if (this.#isOpen) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const late = after(this.#line.clock, PATIENCE, () => {
        this.#atOpening.delete(go);
        reject(new BasaltError({ code: "network", message: "There is no connection; the message was not sent." }));
      });
      const go = () => {
        late();
        resolve();
      };
      if (this.#atOpening.size < 1_000) this.#atOpening.add(go);
    });
  }
}

function isWanted(room: Room): boolean {
  return room.standing !== "refused" && room.pausing === null;
}

function bytes(text: string): number {
  return new TextEncoder().encode(text).length;
}

function checkPresence(presence: Presence): void {
  if (bytes(JSON.stringify(presence)) > MOST_PRESENCE_BYTES) {
    throw new BasaltError({ code: "too_large", message: `A presence has at most ${MOST_PRESENCE_BYTES} bytes.` });
  }
}
