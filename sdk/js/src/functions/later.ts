/** Calls that go on when their caller doesn't wait. */
import type { CallOptions, Json } from "../documents/types.js";
import { BasaltError } from "../errors.js";
import type { Inside } from "../inside.js";
import { segment } from "../transport/url.js";
import { functionPath } from "./calls.js";
import type { Invocation, Task, TaskOptions } from "./types.js";

const FIRST_LOOK = 100;
const LONGEST_PAUSE = 5_000;

/** Calls that were started by `client.functions.start`. */
export class Invocations {
  constructor(private readonly inside: Inside) {}

  async get<R = Json>(id: string, options?: CallOptions): Promise<Invocation<R>> {
    const request = { ...options, method: "GET", path: `/v1/invocations/${segment(id)}` } as const;
    return (await this.inside.transport.request<Invocation<R>>(request)).data;
  }

  /** Its result once it is over; what it failed with is thrown. Asks again and again, ever more slowly. */
  async wait<R = Json>(id: string, options: CallOptions = {}): Promise<R> {
    for (let pause = FIRST_LOOK; ; pause = Math.min(LONGEST_PAUSE, pause * 1.6)) {
      const invocation = await this.get<R>(id, options);
      if (invocation.status === "succeeded") return (invocation.result ?? null) as R;
      if (invocation.status === "failed") throw failure(invocation);
      await this.inside.clock.sleep(pause, options.signal);
    }
  }
}

function failure({ id, error }: Invocation<unknown>): BasaltError {
  const { status, code, message, ...details } = error ?? {
    status: 500,
    code: "function_failed",
    message: "It failed.",
  };
  return new BasaltError({ code, message, status, details: { ...details, invocation: id } });
}

/** Calls for later: tried again when they fail. */
export class Tasks {
  constructor(private readonly inside: Inside) {}

  /** `delay` or `runAt` say when; at once where neither does. It runs without a caller. */
  async enqueue(name: string, input?: unknown, options: TaskOptions = {}): Promise<{ id: string }> {
    const { delay, runAt, key, ...call } = options;
    functionPath(name);
    const at = runAt instanceof Date ? runAt.toISOString() : runAt;
    const body = { function: name, input: input ?? null, delay, runAt: at, key };
    const request = { ...call, method: "POST", path: "/v1/tasks", body } as const;
    return (await this.inside.transport.request<{ id: string }>(request)).data;
  }

  async get<R = Json>(id: string, options?: CallOptions): Promise<Task<R>> {
    const request = { ...options, method: "GET", path: `/v1/tasks/${segment(id)}` } as const;
    return (await this.inside.transport.request<Task<R>>(request)).data;
  }

  /** `task_started` where it has begun. */
  async cancel(id: string, options?: CallOptions): Promise<void> {
    await this.inside.transport.request({ ...options, method: "DELETE", path: `/v1/tasks/${segment(id)}` });
  }
}
