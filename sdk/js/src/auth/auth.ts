/** Signing up, in and out, and one's own user: `/v1/auth`. */

import type { CallOptions, Json } from "../documents/types.js";
import { BasaltError, badArgument, isBasaltError } from "../errors.js";
import type { ApiRequest, Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import type { SessionKeeper } from "./keeper.js";
import type { WireSession } from "./session.js";
import type { AuthEvent, Identity, LogIn, LogOut, SessionInfo, SignedIn, SignUp, User } from "./types.js";

/** What has to happen around a log-out: writes that wait, and caches. */
export interface LogOutGuard {
  before(options: { discard: boolean }): Promise<void>;
  after(): Promise<void>;
}

interface WireSignedIn {
  user: User;
  session?: WireSession | null;
}

export class Auth<T extends object = Record<string, Json>> {
  readonly #keeper: SessionKeeper;
  readonly #transport: Transport;
  readonly #guard: () => LogOutGuard | null;

  /** Made by `createClient`. */
  constructor(keeper: SessionKeeper, transport: Transport, guard: () => LogOutGuard | null) {
    this.#keeper = keeper;
    this.#transport = transport;
    this.#guard = guard;
  }

  /** Who is signed in, as far as this device knows; null before `ready()`. */
  get user(): User<T> | null {
    return this.#keeper.user as User<T> | null;
  }

  /** When the stored session has been read; asks no server. */
  async ready(): Promise<User<T> | null> {
    await this.#keeper.ready();
    return this.user;
  }

  /** `signed_in`, `signed_out`, `token_refreshed`, `session_ended`, also from other tabs. Gives what ends the listening. */
  onChange(listener: (event: AuthEvent) => void): () => void {
    return this.#keeper.onChange(listener);
  }

  /** The access token, renewed when needed, for calls of the app's own; null for a visitor. */
  token(): Promise<string | null> {
    return this.#keeper.token();
  }

  /** Makes an account. An anonymous user who calls it keeps his id and what is his. */
  async signUp(account: SignUp<T>, options?: CallOptions): Promise<SignedIn<T>> {
    checkIdentity(account);
    const user = await this.ready();
    return this.#signIn("/v1/auth/signup", account, { ...options, anonymous: user?.anonymous !== true });
  }

  /** `invalid_credentials` for a wrong user and a wrong password alike. */
  async login(credentials: LogIn, options?: CallOptions): Promise<SignedIn<T>> {
    checkIdentity(credentials);
    return this.#signIn("/v1/auth/login", credentials, { ...options, anonymous: true });
  }

  /** A user without credentials, where the server allows it. */
  async anonymous(options?: CallOptions): Promise<SignedIn<T>> {
    return this.#signIn("/v1/auth/anonymous", undefined, { ...options, anonymous: true });
  }

  /** Renews the tokens now; `no_session` where nobody is signed in (any more). */
  async refresh(): Promise<void> {
    const token = await this.#keeper.renew();
    if (token === null) throw new BasaltError({ code: "no_session", message: "Nobody is signed in." });
  }

  /**
   * Signs out. This device forgets the session also without network; the server then keeps it until it expires. Writes
   * that wait to be sent refuse it with `pending_writes`, unless `discard` is said.
   */
  async logout({ scope = "current", discard = false }: LogOut = {}, options?: CallOptions): Promise<void> {
    await this.#keeper.ready();
    if (!this.user) return;
    const leaves = scope !== "others";
    const guard = this.#guard();
    if (leaves) await guard?.before({ discard });
    try {
      await this.#call("POST", "/v1/auth/logout", { ...options, body: { scope } });
    } catch (error) {
      if (!isOver(error) && !(scope === "current" && hasNoAnswer(error))) throw error;
    }
    if (!leaves) return;
    await this.#keeper.close("signed_out");
    await guard?.after();
  }

  /** One's own user, fresh from the server. */
  async me(options?: CallOptions): Promise<User<T>> {
    return this.#known(await this.#call<User>("GET", "/v1/auth/me", options));
  }

  /** A merge patch of one's own fields: null removes one. */
  async updateMe(patch: { [K in keyof T]?: T[K] | null }, options?: CallOptions): Promise<User<T>> {
    const more = { ...options, body: patch, headers: { "content-type": "application/merge-patch+json" } };
    return this.#known(await this.#call<User>("PATCH", "/v1/auth/me", more));
  }

  /** Deletes the account with its credentials and sessions. */
  async deleteMe(options?: CallOptions): Promise<void> {
    await this.#call("DELETE", "/v1/auth/me", options);
    await this.#keeper.close("signed_out");
    await this.#guard()?.after();
  }

  /** The devices on which one is signed in. */
  async sessions(options?: CallOptions): Promise<SessionInfo[]> {
    const { items } = await this.#call<{ items: SessionInfo[] }>("GET", "/v1/auth/sessions", options);
    return items;
  }

  /** Signs one device out; this one, when it is its own. */
  async endSession(id: string, options?: CallOptions): Promise<void> {
    await this.#call("DELETE", `/v1/auth/sessions/${segment(id)}`, options);
  }

  /** Ends the user's other sessions. */
  async changePassword(currentPassword: string, newPassword: string, options?: CallOptions): Promise<void> {
    await this.#call("POST", "/v1/auth/password/change", { ...options, body: { currentPassword, newPassword } });
  }

  /** Not tried again: a second try of a lost sign-in would be counted as one. */
  async #signIn(path: string, body: unknown, more: Partial<ApiRequest>): Promise<SignedIn<T>> {
    const { user, session } = await this.#call<WireSignedIn>("POST", path, { ...more, body, retries: 0 });
    if (session) await this.#keeper.open(session, user);
    return { user: user as User<T>, signedIn: Boolean(session) };
  }

  async #known(user: User): Promise<User<T>> {
    await this.#keeper.know(user);
    return user as User<T>;
  }

  async #call<A>(method: ApiRequest["method"], path: string, more: Partial<ApiRequest> = {}): Promise<A> {
    const { data } = await this.#transport.request<A>({ ...more, method, path });
    return data;
  }
}

function checkIdentity({ email, username, phone }: Identity): void {
  if (!email && !username && !phone) throw badArgument("One of email, username and phone has to be given.");
}

/** Over already: that is what was asked for. */
function isOver(error: unknown): boolean {
  return isBasaltError(error) && error.status === 401;
}

function hasNoAnswer(error: unknown): boolean {
  return isBasaltError(error) && (error.code === "network" || error.code === "timeout" || error.status >= 500);
}
