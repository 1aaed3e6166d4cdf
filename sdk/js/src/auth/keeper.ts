/**
 * Keeps the session: in memory, in the storage, the same in all tabs. One renewal runs at a time, and what it gets counts
 * for all who wait. What another tab has renewed is taken over instead of spending its refresh token a second time.
 */
import { BasaltError } from "../errors.js";
import type { Slot } from "../storage/storage.js";
import type { Clock } from "../transport/types.js";
import { Listeners } from "./listeners.js";
import { parseSession, type StoredSession, sessionOf, type WireSession } from "./session.js";
import type { Tabs } from "./tabs.js";
import type { AuthEvent, AuthEventName, TokenSource, User } from "./types.js";

export interface KeeperOptions {
  slot: Slot;
  tabs: Tabs;
  clock: Clock;
  /** Spends a refresh token for a new session. */
  refresh(refreshToken: string): Promise<WireSession>;
}

export class SessionKeeper implements TokenSource {
  readonly #listeners = new Listeners<AuthEvent>();
  #session: StoredSession | null = null;
  #ready: Promise<void> | null = null;
  #renewing: Promise<string | null> | null = null;

  readonly #options: KeeperOptions;

  constructor(options: KeeperOptions) {
    this.#options = options;
    options.tabs.follow((event) => {
      this.#reload(event).catch(() => {});
    });
  }

  /** When the storage has been read. */
  ready(): Promise<void> {
    this.#ready ??= this.#load().catch((error) => {
      this.#ready = null;
      throw error;
    });
    return this.#ready;
  }

  get user(): User | null {
    return this.#session?.user ?? null;
  }

  async userId(): Promise<string | null> {
    await this.ready();
    return this.#session?.user.id ?? null;
  }

  onChange(listener: (event: AuthEvent) => void): () => void {
    return this.#listeners.add(listener);
  }

  async token(): Promise<string | null> {
    await this.ready();
    const session = this.#session;
    const now = this.#options.clock.now();
    if (!session || now < session.renewAt) return session?.accessToken ?? null;
    try {
      const token = await this.renew();
      // What a user asked for is not done as a visitor because his session ended meanwhile.
      if (token === null)
        throw new BasaltError({ code: "session_ended", message: "The session is over.", status: 401 });
      return token;
    } catch (error) {
      // Renewed early: without an answer the old one is good a little longer.
      if (this.#session === session && this.#options.clock.now() < session.expiresAt) return session.accessToken;
      throw error;
    }
  }

  async refused(token: string): Promise<string | null> {
    await this.ready();
    if (this.#session === null) return null;
    return this.#session.accessToken === token ? this.renew() : this.#session.accessToken;
  }

  /** A new access token, or null when the session is over. */
  renew(): Promise<string | null> {
    this.#renewing ??= this.ready()
      .then(() => {
        const former = this.#session?.refreshToken;
        return this.#options.tabs.alone(() => this.#renew(former));
      })
      .finally(() => {
        this.#renewing = null;
      });
    return this.#renewing;
  }

  async open(wire: WireSession, user: User): Promise<void> {
    await this.#set(sessionOf(wire, user, this.#options.clock.now()), "signed_in");
  }

  async close(event: "signed_out" | "session_ended"): Promise<void> {
    await this.#set(null, event);
  }

  /** The user's document has changed. */
  async know(user: User): Promise<void> {
    if (this.#session?.user.id !== user.id) return;
    this.#session = { ...this.#session, user };
    await this.#options.slot.save(JSON.stringify(this.#session));
  }

  async #load(): Promise<void> {
    const stored = parseSession(await this.#options.slot.load());
    // A sign-in that was faster counts.
    this.#session ??= stored;
  }

  async #set(session: StoredSession | null, event: AuthEventName): Promise<void> {
    this.#ready ??= Promise.resolve();
    if (session === null && this.#session === null) return;
    this.#session = session;
    await this.#options.slot.save(session && JSON.stringify(session));
    this.#options.tabs.tell(event);
    this.#listeners.tell({ type: event, userId: session?.user.id ?? null });
  }

  /** `former`: the token that there was before the lock was waited for. */
  async #renew(former: string | undefined): Promise<string | null> {
    const mine = await this.#newest();
    if (mine === null) return null;
    if (mine !== this.#session) this.#adopt(mine, null);
    const wasRenewed = mine.refreshToken !== former;
    if (wasRenewed && this.#options.clock.now() < mine.renewAt) return mine.accessToken;
    try {
      const wire = await this.#options.refresh(mine.refreshToken);
      // Somebody signed in or out meanwhile: that counts, and these tokens are nobody's.
      if (this.#session?.refreshToken !== mine.refreshToken) return this.#session?.accessToken ?? null;
      await this.#set(sessionOf(wire, this.#session.user, this.#options.clock.now()), "token_refreshed");
      return wire.accessToken;
    } catch (error) {
      if (!isOver(error)) throw error;
      return this.#lost(mine);
    }
  }

  /** What the storage has, when a tab has renewed; otherwise what this one has. */
  async #newest(): Promise<StoredSession | null> {
    const stored = parseSession(await this.#options.slot.load());
    return stored && stored.refreshToken !== this.#session?.refreshToken ? stored : this.#session;
  }

  /** The server says that the session is over; unless it was only that another tab had spent the token. */
  async #lost(mine: StoredSession): Promise<string | null> {
    const newest = await this.#newest();
    if (newest && newest.refreshToken !== mine.refreshToken) {
      this.#adopt(newest, null);
      return newest.accessToken;
    }
    await this.#set(null, "session_ended");
    return null;
  }

  /** Another tab told of something, or the storage changed under us. */
  async #reload(event: AuthEventName | null): Promise<void> {
    await this.ready();
    const stored = parseSession(await this.#options.slot.load());
    this.#adopt(stored, event);
  }

  #adopt(stored: StoredSession | null, event: AuthEventName | null): void {
    const former = this.#session;
    if (stored?.refreshToken === former?.refreshToken) {
      // The same session, perhaps with a profile that another tab changed.
      this.#session = stored;
      return;
    }
    this.#session = stored;
    const type = stored === null ? goneBy(event) : stored.user.id === former?.user.id ? "token_refreshed" : "signed_in";
    this.#listeners.tell({ type, userId: stored?.user.id ?? null });
  }
}

function goneBy(event: AuthEventName | null): AuthEventName {
  return event === "session_ended" ? "session_ended" : "signed_out";
}

/** Whether the server has decided; no answer, too much load and faults of its own decide nothing. */
function isOver(error: unknown): boolean {
  return error instanceof BasaltError && (error.status === 401 || error.status === 403);
}
