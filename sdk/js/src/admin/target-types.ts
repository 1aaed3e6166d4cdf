/** What the admin API says of who events go to: schedules, webhooks, dead letters. */
import type { Json } from "../documents/types.js";

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

export interface ScheduleRun {
  id: string;
  scheduledAt: string;
  /** Whether somebody asked for it. */
  manual: boolean;
  outcome: "queued" | "running" | "succeeded" | "failed" | "skipped";
  attempts: number;
  startedAt: string | null;
  finishedAt: string | null;
  invocation: string | null;
  error: string | null;
}

export interface Schedule extends Required<Omit<ScheduleDefinition, "input">> {
  name: string;
  input: Json;
  source: "declared" | "function";
  nextRunAt: string | null;
  lastRun: ScheduleRun | null;
  createdAt: string | null;
  updatedAt: string | null;
}

export interface WebhookDefinition {
  url: string;
  /** CEL over the event; all events where nothing is said. */
  events?: string;
  description?: string;
  enabled?: boolean;
  /** Sent with every delivery, and shown to nobody. */
  headers?: Record<string, string>;
  timeout?: string;
  retries?: number;
}

export interface NewWebhook extends WebhookDefinition {
  name?: string;
  /** `whsec_…`, where the receiver has one already. */
  secret?: string;
}

export interface Webhook {
  name: string;
  url: string;
  events: string | null;
  description: string | null;
  enabled: boolean;
  /** Why the server has switched it off. */
  disabledReason: string | null;
  disabledAt: string | null;
  failingSince: string | null;
  /** The headers' names. */
  headers: string[];
  timeout: string;
  retries: number;
  overlapUntil: string | null;
  createdAt: string;
  updatedAt: string;
}

/** The secret is in the answer of a creation alone. */
export type CreatedWebhook = Webhook & { secret: string };

export interface RotatedSecret {
  secret: string;
  overlapUntil: string;
}

/** One try, with what was sent and what was answered. */
export interface Delivery {
  id: string;
  outcome: string;
  [more: string]: unknown;
}

export interface DeadLetter {
  id: string;
  /** `event/function/wordCount`, `schedule/nightly`, `task/report`. */
  kind: string;
  target: { kind: "function" | "webhook"; name: string } | null;
  event: Json;
  attempts: number;
  error: string;
  enqueuedAt: string;
  diedAt: string;
}

export interface DeadLetterQuery {
  /** `function/wordCount`, `webhook/crm`, `schedule/nightly`. */
  target?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}
