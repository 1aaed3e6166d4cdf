import type { AuthEvent, TokenSource } from "../../../src/auth/types.js";
import type { Document, DocumentSource, Mutation, SubscribeSpec, WriteResult } from "../../../src/documents/types.js";
import type { BasaltError } from "../../../src/errors.js";
import { persistence } from "../../../src/offline/index.js";
import type { Adapter, OfflineControl, OfflineOptions } from "../../../src/offline/types.js";
import type { LiveState, LocalMark } from "../../../src/realtime/types.js";
import type { Clock, Transport } from "../../../src/transport/types.js";

let keys = 0;

/** One client with an offline room: an app on a device. */
export interface Device {
  source: DocumentSource & OfflineControl;
  auth(event: AuthEvent): void;
  write(kind: Mutation["kind"], id: string, more?: Partial<Mutation>): Promise<WriteResult>;
}

export function device(
  adapter: Adapter,
  online: DocumentSource,
  clock: Clock,
  options: OfflineOptions = {},
  userId: string | null = "ada",
): Device {
  const listeners = new Set<(event: AuthEvent) => void>();
  const tokens: TokenSource = {
    token: async () => null,
    refused: async () => null,
    userId: async () => userId,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  const context = { tokens, transport: {} as Transport, url: "http://test", clock, storageKey: "test" };
  const source = persistence(adapter, options).attach(online, context);
  return {
    source,
    auth: (event) => {
      for (const listener of listeners) listener(event);
    },
    write: (kind, id, more = {}) => {
      keys += 1;
      return source.write({ kind, collection: "notes", id, idempotencyKey: `key-${keys}`, ...more } as Mutation);
    },
  };
}

/** What an app that follows a live query holds. */
export class Follower {
  docs: Document[] = [];
  meta: ReadonlyMap<string, LocalMark> = new Map();
  fromCache: boolean | undefined;
  states: LiveState[] = [];
  errors: BasaltError[] = [];
  snapshots = 0;
  /** Every list that was shown. */
  readonly history: Document[][] = [];
  readonly stop: () => void;

  constructor(source: DocumentSource, spec: SubscribeSpec) {
    this.stop = source.subscribe(spec, {
      snapshot: (docs, _seq, local) => {
        this.snapshots += 1;
        this.#show([...docs], local);
      },
      changes: (changes, _seq, local) => {
        const docs = [...this.docs];
        for (const { op, doc, index } of changes) {
          const now = docs.findIndex((other) => other.id === doc.id);
          if (now >= 0) docs.splice(now, 1);
          if (op !== "removed") docs.splice(index, 0, doc as Document);
        }
        this.#show(docs, local);
      },
      error: (error) => this.errors.push(error),
      state: (state) => this.states.push(state),
    });
  }

  get ids(): string[] {
    return this.docs.map((doc) => doc.id);
  }

  #show(docs: Document[], local?: { fromCache: boolean; meta: ReadonlyMap<string, LocalMark> }): void {
    this.docs = docs;
    this.history.push(docs);
    this.fromCache = local?.fromCache;
    this.meta = local?.meta ?? new Map();
  }
}
