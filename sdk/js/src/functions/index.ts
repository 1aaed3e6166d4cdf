/** `@basalt/client/functions`: an entry of its own, so that apps without functions load nothing of it. */

import type { Functions } from "../client.js";
import { badArgument } from "../errors.js";
import { insideOf } from "../inside.js";
import { functionCalls } from "./calls.js";
import { Invocations, Tasks } from "./later.js";
import type { AnyFunctions, FunctionCalls } from "./types.js";

export type { Invocations, Tasks } from "./later.js";
export type * from "./types.js";

/** The functions that a client was made for: `createClient<Schema, Functions>`. */
type Declared<C> = C extends Functions<infer F> ? (unknown extends F ? AnyFunctions : F) : AnyFunctions;

export interface WithFunctions<F = AnyFunctions> {
  /** `client.functions.add({ a: 1, b: 2 })` calls the callable `add`. */
  readonly functions: FunctionCalls<F>;
  readonly tasks: Tasks;
  readonly invocations: Invocations;
}

/**
 * The same client, with `client.functions`, `client.tasks` and `client.invocations`:
 * `const client = withFunctions(createClient<Schema, Functions>({ url }))`. A service calls by `admin.functions.invoke`.
 */
export function withFunctions<C extends object>(client: C): C & WithFunctions<Declared<C>> {
  const inside = insideOf(client);
  if ("functions" in client) throw badArgument("The client has its functions already.");
  const rooms = { functions: functionCalls(inside), tasks: new Tasks(inside), invocations: new Invocations(inside) };
  return Object.assign(client, rooms) as unknown as C & WithFunctions<Declared<C>>;
}
