/** What the admin API says of functions and of what runs them. */
import type { Json } from "../documents/types.js";
import type { components } from "../generated/openapi.js";

type Schemas = components["schemas"];
type JsonMap = { [key: string]: Json };

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
export type FunctionShare = Schemas["FunctionShare"];
export type FunctionAlias = Schemas["FunctionAlias"];
export type FunctionAliasChange = Omit<Schemas["FunctionAliasChange"], "by"> & { by: Json };
export type FunctionLimits = Schemas["FunctionLimits"];

export type FunctionInfo = Omit<
  Schemas["Function"],
  "kind" | "aliases" | "input" | "output" | "trigger" | "history" | "limits"
> & {
  kind: FunctionKind;
  aliases: Record<string, FunctionShare[]>;
  /** JSON Schemas, where it has some. */
  input: Json;
  output: Json;
  /** What it runs at; null where it is called. */
  trigger: Json;
  limits: FunctionLimits;
  /** Newest first. */
  history: FunctionAliasChange[];
};

export type FunctionEgress = Schemas["FunctionEgress"];
export type FunctionVersion = Omit<
  Schemas["FunctionVersion"],
  "kind" | "by" | "env" | "options" | "sources" | "egress"
> & {
  kind: FunctionKind;
  by: Json;
  env: Record<string, string>;
  options: JsonMap;
  egress: FunctionEgress;
  /** What was deployed, by path; of one version alone. */
  sources?: Record<string, string> | null;
};

export interface FunctionsDeploy {
  /** By path: text, or bytes in base 64. */
  files: Record<string, string | { base64: string }>;
  /** `[functions]` of `app.toml`, in JSON. */
  settings?: JsonMap;
  /** `live` where nothing is said. */
  alias?: string;
  /** Functions that the alias shall no longer lead to. */
  remove?: string[];
  /** What is known to be dangerous, such as `add.invoke`. */
  acknowledge?: string[];
}

export type FunctionsPlanItem = Omit<Schemas["FunctionsPlanItem"], "change"> & {
  change: "added" | "changed" | "removed" | "kept" | "unchanged";
};
export type FunctionsPlan = Omit<Schemas["FunctionsPlan"], "plan"> & { plan: FunctionsPlanItem[] };

/** A secret's name, never its value. */
export type SecretInfo = Schemas["Secret"];

export type InvocationOutcome = Schemas["InvocationOutcome"];
export type InvocationError = Schemas["InvocationError"];
export type InvocationRecord = Omit<Schemas["InvocationRecord"], "kind" | "outcome" | "error"> & {
  kind: FunctionKind;
  outcome: InvocationOutcome;
  error?: InvocationError | null;
};

export interface InvocationQuery {
  function?: string;
  outcome?: InvocationOutcome;
  /** The trace's id. */
  trace?: string;
  from?: string;
  to?: string;
  limit?: number;
  cursor?: string;
}

export type LogLevel = Schemas["FunctionLogLevel"];
export type LogLine = Omit<Schemas["FunctionLogLine"], "fields" | "level"> & {
  level: LogLevel;
  fields?: JsonMap | null;
};

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
export type Usage = Schemas["FunctionUsage"];

export type Deployment = Omit<Schemas["Deployment"], "by" | "from" | "plan" | "state"> & {
  by: Json;
  from: "deploy" | "start";
  plan: JsonMap;
  state: "applying" | "applied" | "failed" | "superseded";
};

/** What a deploy of an app's folder does, or would do. */
export type AppPlan = Schemas["Deploy"];

export interface DeployOptions {
  /** Shows what would be done and changes nothing. */
  plan?: boolean;
  /** What may be taken away: `collection:notes`, `function:old`, … */
  remove?: readonly string[];
  /** Whose breaking changes and open rules are meant. */
  acknowledge?: readonly string[];
  alias?: string;
}
