/** What the admin API says of functions and of what runs them. */
import type { Json } from "../documents/types.js";

export type FunctionKind =
  | "callable"
  | "http"
  | "onDocument"
  | "beforeDocument"
  | "onFile"
  | "onUser"
  | "beforeUser"
  | "onSchedule"
  | "onMessage";

/** How much of an alias' calls a version gets; the weights of one alias make 100. */
export interface FunctionShare {
  version: number;
  weight: number;
}

export interface FunctionAlias {
  versions: FunctionShare[];
}

export interface FunctionInfo {
  name: string;
  kind: FunctionKind;
  /** The version that all of this is said of. */
  version: number | null;
  aliases: Record<string, FunctionShare[]>;
  /** The versions that are kept, the oldest first. */
  versions: number[];
  /** JSON Schemas. */
  input: Json;
  output: Json;
  /** Who may call it, in CEL. */
  invoke: string | null;
  /** What it runs at. */
  trigger: Json;
  limits: {
    timeoutMs: number;
    cpuMs: number;
    memory: number;
    concurrency: number;
    queue: number;
    retries: number;
  };
  history: { alias: string; from: FunctionShare[]; to: FunctionShare[]; at: string; [more: string]: unknown }[];
  createdAt: string;
  updatedAt: string;
}

export interface FunctionVersion {
  version: number;
  kind: FunctionKind;
  createdAt: string;
  /** What was deployed, by path; of one version alone. */
  sources?: Record<string, string>;
  [more: string]: unknown;
}

export interface FunctionsDeploy {
  /** By path: text, or bytes in base 64. */
  files: Record<string, string | { base64: string }>;
  /** `[functions]` of `app.toml`, in JSON. */
  settings?: Record<string, Json>;
  /** `live` where nothing is said. */
  alias?: string;
  /** Functions that the alias shall no longer lead to. */
  remove?: string[];
  /** What is known to be dangerous, such as `add.invoke`. */
  acknowledge?: string[];
}

export interface FunctionsPlan {
  plan: {
    function: string;
    change: "added" | "changed" | "removed" | "kept" | "unchanged";
    version: number | null;
    breaking: string[];
  }[];
  applied: boolean;
  warnings: string[];
  acknowledge?: string[];
}

export interface SecretInfo {
  name: string;
  /** Null: for every alias without its own. */
  alias: string | null;
  updatedAt: string;
}

export interface InvocationRecord {
  id: string;
  function: string;
  version: number;
  alias: string;
  kind: FunctionKind;
  /** Why it ran: `call`, `http`, `event`, `schedule`, `task` or `hook`. */
  trigger: string;
  startedAt: string;
  durationMs: number;
  cpuMs: number;
  peakMemory: number;
  outcome: string;
  error?: { code: string; message: string; stack?: string };
  trace: string | null;
  cold: boolean;
  attempt: number;
  [more: string]: unknown;
}

export interface InvocationQuery {
  function?: string;
  outcome?: string;
  /** The trace's id. */
  trace?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

export interface LogLine {
  at: string;
  level: LogLevel;
  message: string;
  fields?: Record<string, Json>;
  function: string;
  version: number;
  alias: string;
  invocation: string;
  trace: string | null;
}

export interface LogQuery {
  function?: string;
  invocation?: string;
  /** This level and those above it. */
  level?: LogLevel;
  /** A text that the message or its fields hold. */
  filter?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}

/** What one function used on one day of UTC. */
export interface Usage {
  day: string;
  function: string;
  invocations: number;
  errors: number;
  gigabyteSeconds: number;
  cpuMs: number;
  egressBytes: number;
  [more: string]: unknown;
}

export interface Deployment {
  id: string;
  at: string;
  by: { type: string; id?: string | null };
  from: "deploy" | "start";
  state: "applying" | "applied" | "failed" | "superseded";
  hash: string;
  plan: Json;
  error: string | null;
}

/** What a deploy of an app's folder does, or would do. */
export interface AppPlan {
  plan: Record<string, Json>;
  breaking: Record<string, Json>[];
  refusals: Record<string, Json>[];
  changes: boolean;
  applied: boolean;
  deployment: { id: string; at: string; by: Json } | null;
}

export interface DeployOptions {
  /** Shows what would be done and changes nothing. */
  plan?: boolean;
  /** What may be taken away: `collection:notes`, `function:old`, … */
  remove?: readonly string[];
  /** Whose breaking changes and open rules are meant. */
  acknowledge?: readonly string[];
  alias?: string;
}
