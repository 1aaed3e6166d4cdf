/** One connection to the server, kept as long as something is wanted of it: opened, identified, watched, opened again. */
import { BasaltError } from "../errors.js";
import type { ClientFrame, ErrorFrame, ServerFrame } from "./frames.js";
import { Identity } from "./identity.js";
import type { Link, LinkEvents } from "./link.js";
import type { ConnectionOptions, Owner } from "./owner.js";
import { openEventStream } from "./sse.js";
import { after, backOff } from "./timing.js";
import type { ConnectionState } from "./types.js";
import { openWebSocket } from "./websocket.js";

type Way = "websocket" | "sse";

/** How long nothing must be wanted before the link is given up. */
const LINGER = 5_000;
/** A link that lived so long didn't fail. */
const SETTLED = 10_000;
/** Where WebSockets don't get through they are tried again after this. */
const AVOID = 300_000;
const LONGEST_HINT = 60_000;

export class Connection {
  readonly #options: ConnectionOptions;
  readonly #owner: Owner;
  #link: Link | null = null;
  #isOpen = false;
  #state: ConnectionState = "idle";
  #wanted = false;
  #closed = false;
  /** Each try has a number: what an earlier one still reports is passed over. */
  #try = 0;
  #failures = 0;
  #aliveSince: number | null = null;
  #notBefore = 0;
  #avoidSocketsUntil = 0;
  #auths = 0;
  #wait: (() => void) | null = null;
  #idle: (() => void) | null = null;
  readonly #identity: Identity;
  readonly #deaf: (() => void)[];

  constructor(options: ConnectionOptions, owner: Owner) {
    this.#options = options;
    this.#owner = owner;
    this.#identity = new Identity(options.tokens, options.clock, {
      changedHands: (hadUser) => owner.changedHands(hadUser),
      renewed: (token) => this.#sendToken(token),
      replaced: () => this.#replaced(),
    });
    const { surroundings } = options;
    this.#deaf = [
      surroundings.onWake(() => this.#wake()),
      surroundings.onOffline?.(() => this.#noNetwork()) ?? (() => {}),
    ];
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Something is wanted: see that there is a link. */
  want(): void {
    this.#wanted = true;
    this.#idle?.();
    this.#idle = null;
    if (!this.#closed && this.#state === "idle") this.#begin();
  }

  /** Nothing is wanted for now. */
  rest(): void {
    this.#wanted = false;
    if (this.#closed) return;
    this.#idle ??= after(this.#options.clock, LINGER, () => {
      this.#idle = null;
      if (!this.#wanted) this.#stop();
    });
  }

  send(frame: ClientFrame): boolean {
    return this.#isOpen && (this.#link?.send(frame) ?? false);
  }

  close(): void {
    this.#closed = true;
    this.#stop();
    this.#idle?.();
    this.#identity.close();
    for (const stop of this.#deaf) stop();
  }

  #stop(): void {
    this.#drop();
    this.#wait?.();
    this.#wait = null;
    this.#failures = 0;
    this.#become("idle");
  }

  /** Lets go of the link. */
  #drop(): void {
    const link = this.#link;
    this.#try += 1;
    this.#link = null;
    this.#isOpen = false;
    this.#aliveSince = null;
    this.#identity.stopLooking();
    link?.close();
    if (link) this.#owner.lost();
  }

  #become(state: ConnectionState): void {
    if (this.#state === state) return;
    this.#state = state;
    this.#owner.stateChanged(state);
  }

  #begin(): void {
    this.#wait?.();
    this.#wait = null;
    // Who is offline stays so until a try succeeds: a screen that flickers between the two helps nobody.
    if (this.#state !== "offline") this.#become("connecting");
    const own = ++this.#try;
    this.#identity.read().then(
      () => own === this.#try && this.#open(this.#ways()),
      () => own === this.#try && this.#retry(null),
    );
  }

  #ways(): Way[] {
    const { WebSocket, clock } = this.#options;
    if (!WebSocket) return ["sse"];
    return clock.now() < this.#avoidSocketsUntil ? ["sse", "websocket"] : ["websocket", "sse"];
  }

  #open([way, ...others]: Way[]): void {
    if (way === undefined) {
      this.#retry(null);
      return;
    }
    const own = this.#try;
    const mine = (call: () => void) => {
      if (own === this.#try) call();
    };
    const events: LinkEvents = {
      opened: () => mine(() => this.#opened()),
      alive: () => mine(() => this.#alive(way)),
      frame: (frame) => mine(() => this.#frame(frame)),
      restarted: () => mine(() => this.#owner.restarted()),
      closed: (cause) => mine(() => this.#ended(others, cause)),
    };
    const { WebSocket, transport, clock } = this.#options;
    try {
      this.#link =
        way === "websocket" && WebSocket
          ? openWebSocket(WebSocket, { transport, clock }, events)
          : openEventStream({ transport, clock }, events);
    } catch {
      // A page's policy may forbid WebSockets by an exception.
      this.#open(others);
    }
  }

  #opened(): void {
    this.#isOpen = true;
    // The server lets what follows wait until it knows who this is.
    if (this.#identity.token) this.#sendToken(this.#identity.token);
    const { subscriptions, channels } = this.#owner.wanted();
    for (const fields of subscriptions) this.send({ type: "subscribe", ...fields });
    for (const fields of channels) this.send({ type: "join", ...fields });
    this.#identity.keepLooking();
    this.#owner.opened();
  }

  #sendToken(token: string): void {
    this.#auths += 1;
    this.send({ type: "auth", id: `${AUTH}${this.#auths}`, token });
  }

  #alive(way: Way): void {
    const { clock } = this.#options;
    this.#aliveSince = clock.now();
    if (way === "websocket") this.#avoidSocketsUntil = 0;
    else if (this.#options.WebSocket) this.#avoidSocketsUntil = clock.now() + AVOID;
    this.#become("live");
  }

  #ended(others: Way[], cause: BasaltError | null): void {
    if (this.#aliveSince === null && others.length > 0) {
      this.#drop();
      this.#open(others);
    } else if (cause && isFinal(cause)) {
      this.#giveUp(cause);
    } else {
      this.#retry(cause?.retryAfter ?? null);
    }
  }

  #giveUp(cause: BasaltError): void {
    this.#stop();
    this.#owner.refused(cause);
  }

  /** Counts what went wrong; a link that lived for a while didn't. */
  #fail(): void {
    const { clock } = this.#options;
    const settled = this.#aliveSince !== null && clock.now() - this.#aliveSince >= SETTLED;
    const lived = this.#aliveSince !== null;
    this.#failures = settled ? 0 : this.#failures + 1;
    this.#drop();
    this.#become(lived ? "connecting" : "offline");
  }

  /** The link is lost, or there never was one: another try, later. */
  #retry(hint: number | null): void {
    const { clock } = this.#options;
    this.#fail();
    const told = Math.max(this.#notBefore - clock.now(), Math.min(hint ?? 0, LONGEST_HINT));
    this.#wait?.();
    this.#wait = after(clock, Math.max(told, backOff(this.#failures, clock)), () => this.#begin());
  }

  #wake(): void {
    if (this.#isOpen) this.#link?.probe();
    else if (this.#wait && this.#options.clock.now() >= this.#notBefore) this.#begin();
  }

  /** Whoever is told so needn't wait until silence shows it. */
  #noNetwork(): void {
    if (this.#state === "idle") return;
    this.#retry(null);
    this.#become("offline");
  }

  #frame(frame: ServerFrame): void {
    if (frame.type === "goodbye") {
      this.#notBefore = this.#options.clock.now() + Math.min(frame.retryAfterMs, LONGEST_HINT);
    } else if (frame.type === "auth_expired") {
      this.#tokenRefused();
    } else if (frame.type === "error" && frame.id?.startsWith(AUTH)) {
      this.#authFailed(frame);
    } else if (frame.type === "error" && !frame.id && frame.channel === undefined) {
      // Which frame was refused can't be told: too many, or too many at once. All is asked for anew, later.
      this.#retry(frame.retryAfterMs ?? null);
    } else {
      this.#owner.frame(frame);
    }
  }

  #authFailed({ code, message, retryAfterMs }: ErrorFrame): void {
    if (code === "service_key_in_browser") this.#giveUp(new BasaltError({ code, message, status: 403 }));
    else if (REFUSED.has(code)) this.#tokenRefused();
    else this.#retry(retryAfterMs ?? null);
  }

  /** Nothing more is heard over this link: from here on it would show what a visitor sees. */
  #tokenRefused(): void {
    this.#fail();
    this.#become("connecting");
    const own = this.#try;
    this.#identity.refused().then(
      () => {
        if (own !== this.#try) return;
        // The first time at once; a server that refuses each new token is not asked without a pause.
        if (this.#failures <= 1) this.#begin();
        else this.#retry(null);
      },
      () => own === this.#try && this.#retry(null),
    );
  }

  /** There is no frame by which a user becomes a visitor, and no place to go on from for another one. */
  #replaced(): void {
    if (!this.#isOpen) return;
    this.#drop();
    this.#become("connecting");
    // Not before everybody has heard of the change.
    queueMicrotask(() => {
      if (this.#state === "connecting" && this.#link === null) this.#begin();
    });
  }
}

const AUTH = "auth:";
const REFUSED: ReadonlySet<string> = new Set(["invalid_token", "token_expired", "session_ended", "unauthenticated"]);

/** Trying again would change nothing. */
function isFinal(cause: BasaltError): boolean {
  return cause.status >= 400 && cause.status < 500 && ![401, 408, 425, 429].includes(cause.status);
}
