/** Who events go to, at which times, and what nobody took. */
import type { CallOptions, Page } from "../documents/types.js";
import type { Transport } from "../transport/types.js";
import { segment } from "../transport/url.js";
import { call, items } from "./call.js";
import type {
  CreatedWebhook,
  DeadLetter,
  DeadLetterQuery,
  Delivery,
  NewWebhook,
  RotatedSecret,
  Schedule,
  ScheduleDefinition,
  ScheduleRun,
  Webhook,
  WebhookDefinition,
} from "./target-types.js";

/** Functions that run at times. */
export class Schedules {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<Schedule[]> {
    return items(this.transport, "/v1/admin/schedules", options);
  }

  get(name: string, options?: CallOptions): Promise<Schedule> {
    return call(this.transport, "GET", schedule(name), {}, options);
  }

  put(name: string, definition: ScheduleDefinition, options?: CallOptions): Promise<Schedule> {
    return call(this.transport, "PUT", schedule(name), { body: definition }, options);
  }

  delete(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", schedule(name), {}, options);
  }

  /** Whatever its times are; also one that is switched off. */
  run(name: string, options?: CallOptions): Promise<{ id: string }> {
    return call(this.transport, "POST", `${schedule(name)}/run`, {}, options);
  }

  /** The last 100, newest first. */
  runs(name: string, options?: CallOptions): Promise<ScheduleRun[]> {
    return items(this.transport, `${schedule(name)}/runs`, options);
  }
}

const schedule = (name: string): string => `/v1/admin/schedules/${segment(name)}`;

/** Endpoints outside that events are delivered to, signed as Standard Webhooks has it. */
export class Webhooks {
  constructor(private readonly transport: Transport) {}

  list(options?: CallOptions): Promise<Webhook[]> {
    return items(this.transport, "/v1/admin/webhooks", options);
  }

  get(name: string, options?: CallOptions): Promise<Webhook> {
    return call(this.transport, "GET", webhook(name), {}, options);
  }

  /** Its secret is in this answer alone. */
  create(definition: NewWebhook, options?: CallOptions): Promise<CreatedWebhook> {
    return call(this.transport, "POST", "/v1/admin/webhooks", { body: definition }, options);
  }

  /** Also switches one on that the server has switched off. */
  put(name: string, definition: WebhookDefinition, options?: CallOptions): Promise<Webhook> {
    return call(this.transport, "PUT", webhook(name), { body: definition }, options);
  }

  delete(name: string, options?: CallOptions): Promise<null> {
    return call(this.transport, "DELETE", webhook(name), {}, options);
  }

  /** A new secret; the one before signs, too, for `overlap` (`24h`). */
  rotate(
    name: string,
    more: { secret?: string; overlap?: string } = {},
    options?: CallOptions,
  ): Promise<RotatedSecret> {
    return call(this.transport, "POST", `${webhook(name)}/rotate`, { body: more }, options);
  }

  /** Sends a sample event now, and tells what came of it. */
  test(name: string, options?: CallOptions): Promise<Delivery> {
    return call(this.transport, "POST", `${webhook(name)}/test`, {}, options);
  }

  /** Every try, newest first. */
  deliveries(
    name: string,
    query: { outcome?: Delivery["outcome"]; limit?: number; cursor?: string } = {},
    options?: CallOptions,
  ): Promise<Page<Delivery>> {
    return call(this.transport, "GET", `${webhook(name)}/deliveries`, { query }, options);
  }

  delivery(name: string, id: string, options?: CallOptions): Promise<Delivery> {
    return call(this.transport, "GET", `${webhook(name)}/deliveries/${segment(id)}`, {}, options);
  }

  /** Sends the event again as it was, under the same id. */
  replay(name: string, id: string, options?: CallOptions): Promise<unknown> {
    return call(this.transport, "POST", `${webhook(name)}/deliveries/${segment(id)}/replay`, {}, options);
  }
}

const webhook = (name: string): string => `/v1/admin/webhooks/${segment(name)}`;

/** Work that failed in all its tries. */
export class DeadLetters {
  constructor(private readonly transport: Transport) {}

  /** Newest first, events without their documents. */
  list(query: DeadLetterQuery = {}, options?: CallOptions): Promise<Page<DeadLetter>> {
    return call(this.transport, "GET", "/v1/admin/deadletters", { query: { ...query } }, options);
  }

  get(id: string, options?: CallOptions): Promise<DeadLetter> {
    return call(this.transport, "GET", `/v1/admin/deadletters/${segment(id)}`, {}, options);
  }

  /** Tries it again from the beginning. */
  async replay(id: string, options?: CallOptions): Promise<void> {
    await call(this.transport, "POST", `/v1/admin/deadletters/${segment(id)}/replay`, {}, options);
  }

  async delete(id: string, options?: CallOptions): Promise<void> {
    await call(this.transport, "DELETE", `/v1/admin/deadletters/${segment(id)}`, {}, options);
  }
}
