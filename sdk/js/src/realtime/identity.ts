/** Who speaks over the connection: the token it goes by, kept fresh, and what becomes of it. */
import type { TokenSource } from "../auth/types.js";
import type { Clock } from "../transport/types.js";
import { identityOf, lookEvery } from "./jwt.js";
import { after } from "./timing.js";

export interface IdentityEvents {
  /** Somebody else than before; `hadUser`: what is known was for the eyes of another. */
  changedHands(hadUser: boolean): void;
  /** A newer token of the same user, or the first of a visitor who signed in. */
  renewed(token: string): void;
  /** The connection's user is not the client's user any more. */
  replaced(): void;
}

export class Identity {
  readonly #tokens: TokenSource;
  readonly #clock: Clock;
  readonly #events: IdentityEvents;
  /** Undefined until it was asked for. */
  #token: string | null | undefined;
  #look: (() => void) | null = null;
  readonly #deaf: () => void;

  constructor(tokens: TokenSource, clock: Clock, events: IdentityEvents) {
    this.#tokens = tokens;
    this.#clock = clock;
    this.#events = events;
    this.#deaf = tokens.onChange(() => void this.#compare());
  }

  get token(): string | null {
    return this.#token ?? null;
  }

  async read(): Promise<void> {
    this.#become(await this.#tokens.token());
  }

  /** The server takes the token no longer: gets another one, or becomes a visitor. */
  async refused(): Promise<void> {
    const token = this.#token;
    this.#become(await (token ? this.#tokens.refused(token) : this.#tokens.token()));
  }

  /** Renews in time, so that the server never takes a user for a visitor. */
  keepLooking(): void {
    this.stopLooking();
    this.#look = after(this.#clock, lookEvery(this.token), () => {
      this.keepLooking();
      void this.#compare();
    });
  }

  stopLooking(): void {
    this.#look?.();
    this.#look = null;
  }

  close(): void {
    this.stopLooking();
    this.#deaf();
  }

  #become(token: string | null): void {
    const before = identityOf(this.token);
    this.#token = token;
    if (before !== identityOf(token)) this.#events.changedHands(before !== null);
  }

  async #compare(): Promise<void> {
    const known = this.#token;
    if (known === undefined) return;
    let token: string | null;
    try {
      token = await this.#tokens.token();
    } catch {
      // It can't be renewed now; the server tells when the old one is over.
      return;
    }
    if (token === known || known !== this.#token) return;
    // The connection is told first: whatever is asked for because of the change is asked in the new name.
    if (token !== null && (known === null || identityOf(token) === identityOf(known))) this.#events.renewed(token);
    else this.#events.replaced();
    this.#become(token);
  }
}
