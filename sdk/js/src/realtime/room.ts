/** One channel as this connection is in it: who is there, and the handles of those who listen. */
import type { Json } from "../documents/types.js";
import type { BasaltError } from "../errors.js";
import type { JoinFields, MemberFields, MessageFrame, PresenceFrame } from "./frames.js";
import { guarded } from "./timing.js";
import type { ChannelMessage, PresenceChange, PresenceEntry } from "./types.js";

type Presence = { [key: string]: Json };

export interface Ears {
  message(message: ChannelMessage): void;
  presence(members: PresenceEntry[], change: PresenceChange): void;
  error(error: BasaltError): void;
  joined(): void;
}

/** `refused` until another user signs in. */
export type Standing = "asked" | "in" | "refused";

export class Room {
  standing: Standing = "asked";
  key: string | null = null;
  error: BasaltError | null = null;
  pausing: (() => void) | null = null;
  failures = 0;
  readonly members = new Map<string, PresenceEntry>();
  readonly ears = new Set<Ears>();

  constructor(
    readonly name: string,
    /** The name of the join frames. */
    readonly id: string,
    public presence: Presence | null,
  ) {}

  fields(): JoinFields {
    return { id: this.id, channel: this.name, ...(this.presence !== null && { presence: this.presence }) };
  }

  joined(key: string | null): void {
    this.standing = "in";
    this.failures = 0;
    this.key = key;
    this.#tell((ears) => ears.joined());
  }

  message({ event, data, userId, id, at }: MessageFrame): void {
    this.#tell((ears) => ears.message({ event, data, userId, id, at }));
  }

  presenceFrame(frame: PresenceFrame): void {
    const change = frame.state ? this.#replace(frame.state) : this.#apply(frame);
    const quiet = change.joined.length + change.left.length + change.updated.length === 0;
    if (quiet && !frame.state) return;
    const members = [...this.members.values()];
    this.#tell((ears) => ears.presence(members, change));
  }

  refuse(error: BasaltError): void {
    this.standing = "refused";
    this.error = error;
    this.forget();
    this.#tell((ears) => ears.error(error));
  }

  askAgain(): void {
    this.standing = "asked";
    this.error = null;
  }

  /** Nobody is known to be here. */
  forget(): void {
    this.key = null;
    if (this.members.size === 0) return;
    const change = this.#replace([]);
    this.#tell((ears) => ears.presence([], change));
  }

  #replace(state: MemberFields[]): PresenceChange {
    const here = new Set(state.map(({ key }) => key));
    const left = [...this.members.values()].filter(({ key }) => !here.has(key));
    return this.#apply({ joined: state, left });
  }

  /** What is told again changes nothing. */
  #apply({ joined = [], left = [], updated = [] }: Partial<PresenceFrame>): PresenceChange {
    const change: PresenceChange = { joined: [], left: [], updated: [] };
    for (const { key } of left) {
      const gone = this.members.get(key);
      if (gone && this.members.delete(key)) change.left.push(gone);
    }
    for (const fields of [...joined, ...updated]) {
      const entry = entryOf(fields);
      const known = this.members.get(entry.key);
      this.members.set(entry.key, entry);
      if (!known) change.joined.push(entry);
      else if (JSON.stringify(known.data) !== JSON.stringify(entry.data)) change.updated.push(entry);
    }
    return change;
  }

  #tell(call: (ears: Ears) => void): void {
    for (const ears of [...this.ears]) guarded(() => call(ears));
  }
}

function entryOf({ key, userId, data, since }: MemberFields): PresenceEntry {
  return { key, userId, data: data ?? {}, since: since ?? "" };
}
