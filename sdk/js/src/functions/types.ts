import type { CallOptions, Json } from "../documents/types.js";

export interface InvokeOptions extends CallOptions {
  /** Which of its versions; `live` where nothing is said. */
  alias?: string;
  /** A key of one's own under which it is called once; made where none is given. */
  idempotencyKey?: string;
}

/** What is left out may be left out where the input may be undefined. */
type Arguments<I, O> = undefined extends I ? [input?: I, options?: O] : [input: I, options?: O];

export interface FunctionRoom<F> {
  /** Calls a callable; what it refuses with is a `BasaltError` of its own code, message and details. */
  invoke<N extends keyof F & string>(
    name: N,
    ...call: Arguments<InputOf<F, N>, InvokeOptions>
  ): Promise<OutputOf<F, N>>;
  /** Has it called later and answers at once; the result is found by `client.invocations`. */
  start<N extends keyof F & string>(name: N, ...call: Arguments<InputOf<F, N>, InvokeOptions>): Promise<{ id: string }>;
  /**
   * A request to an `http` function, at `path` below it. Its answer is handed out as it is, whatever its status; only
   * what keeps the function from answering is thrown.
   */
  http(name: string, path?: string, init?: HttpInit): Promise<Response>;
}

export interface HttpInit extends CallOptions {
  method?: string;
  headers?: Record<string, string>;
  /** Text, bytes or a stream go as they are; anything else as JSON. */
  body?: unknown;
  query?: Record<string, string | number | boolean | undefined>;
}

type InputOf<F, N extends keyof F> = F[N] extends { input: infer I } ? I : never;
type OutputOf<F, N extends keyof F> = F[N] extends { output: infer O } ? O : never;

/**
 * Any function by any name, for who declares none. `basalt types` writes an app's own:
 * `interface Functions { add: { input: …; output: … } }`.
 */
export type AnyFunctions = Record<string, { input: Json | undefined | object; output: Json }>;

/** `client.functions.add({ a: 1, b: 2 })`, and the room's own methods, which go before functions of their names. */
export type FunctionCalls<F = AnyFunctions> = FunctionRoom<F> & {
  readonly [N in Exclude<keyof F & string, keyof FunctionRoom<F>>]: (
    ...call: Arguments<InputOf<F, N>, InvokeOptions>
  ) => Promise<OutputOf<F, N>>;
};

/** `{"status","code","message"}` and what else the function said. */
export interface Failure {
  status: number;
  code: string;
  message: string;
  [more: string]: Json;
}

/** A call that was started; kept for a day after it is over. */
export interface Invocation<R = Json> {
  id: string;
  function: string;
  version?: number;
  status: "queued" | "running" | "succeeded" | "failed";
  /** Of one that succeeded, where it returned something. */
  result?: R;
  error?: Failure;
  startedAt?: string;
  durationMs?: number;
}

export interface TaskOptions extends CallOptions {
  /** `"5m"`, or milliseconds. */
  delay?: string | number;
  runAt?: string | Date;
  /** Unique among the caller's pending tasks of the function: the same again is the same task. */
  key?: string;
}

/** A call that nobody waits for. */
export interface Task<R = Json> {
  id: string;
  function: string;
  status: "pending" | "running" | "succeeded" | "failed" | "canceled";
  runAt: string;
  attempts: number;
  result?: R;
  error?: Failure;
}
