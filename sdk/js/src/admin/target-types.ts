/** What the admin API says of who events go to: schedules, webhooks, dead letters. */
import type { Json } from "../documents/types.js";
import type { components } from "../generated/openapi.js";

type Schemas = components["schemas"];

/** A schedule's entry of `app.toml`, in JSON. */
export interface ScheduleDefinition {
  cron: string;
  function: string;
  /** UTC where nothing is said. */
  timezone?: string;
  input?: Json;
  catchUp?: "one" | "none";
  overlap?: "skip" | "allow";
  enabled?: boolean;
}

export type ScheduleRun = Omit<Schemas["ScheduleRun"], "outcome"> & {
  outcome: "queued" | "running" | "succeeded" | "failed" | "skipped";
};
export type Schedule = Omit<Schemas["Schedule"], "catchUp" | "overlap" | "input" | "lastRun" | "source"> & {
  catchUp: "one" | "none";
  overlap: "skip" | "allow";
  input?: Json;
  lastRun?: ScheduleRun | null;
  /** Declared by `app.toml` or this API, or the function's own. */
  source: "declared" | "function";
};

/** A webhook's entry of `app.toml`, in JSON. */
export interface WebhookDefinition {
  url: string;
  /** CEL over the event; all events where nothing is said. */
  events?: string;
  description?: string;
  enabled?: boolean;
  /** Sent with every delivery, and shown to nobody; without them they stay as they are. */
  headers?: Record<string, string>;
  timeout?: string;
  retries?: number;
  /** `whsec_…`, where the receiver has one already. */
  secret?: string;
}

export interface NewWebhook extends WebhookDefinition {
  name?: string;
}

export type Webhook = Schemas["Webhook"];
/** The secret is in the answer of a creation alone. */
export type CreatedWebhook = Webhook & { secret: string };
export type RotatedSecret = Schemas["RotatedWebhook"];

/** What was sent, without its signature. */
export type DeliveryRequest = Omit<Schemas["WebhookRequest"], "headers"> & { headers: Record<string, string> };
export type DeliveryResponse = Omit<Schemas["WebhookResponse"], "headers"> & { headers: Record<string, string> };
/** One try. */
export type Delivery = Omit<Schemas["WebhookDelivery"], "outcome" | "request" | "response"> & {
  outcome: "delivered" | "failed" | "refused" | "gone";
  request: DeliveryRequest;
  response?: DeliveryResponse | null;
};

export type EventTarget = Schemas["EventTarget"];
export type DeadLetter = Omit<Schemas["DeadLetter"], "event" | "target"> & { target?: EventTarget | null; event: Json };

export interface DeadLetterQuery {
  /** `function/wordCount`, `webhook/crm`, `schedule/nightly`. */
  target?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}
