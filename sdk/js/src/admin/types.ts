import type { Json } from "../documents/types.js";
import type { components } from "../generated/openapi.js";

type Schemas = components["schemas"];

export type AdminPrincipal = Schemas["AdminPrincipal"];
export type Operator = Schemas["Operator"];
export type OperatorRole = Schemas["OperatorRole"];
export type NewOperator = Schemas["NewOperator"];
export type OperatorChange = Schemas["OperatorChange"];
export type OperatorSignedIn = Schemas["OperatorSignedIn"];
export type CollectionInfo = Schemas["Collection"];
export type Plan = Schemas["Plan"];
export type Key = Schemas["Key"];
export type NewKey = Schemas["NewKey"];
export type CreatedKey = Schemas["CreatedKey"];
export type Role = Schemas["Role"];
export type NewRole = Schemas["NewRole"];
export type ChannelPattern = Schemas["ChannelPattern"];
export type ChannelRules = Schemas["ChannelRules"];
export type Access = Schemas["Access"];
export type Simulation = Schemas["Simulation"];
export type Simulated = Schemas["Simulated"];
export type NewUser = Schemas["NewUser"];
export type UserChange = Schemas["UserChange"];
export type Change = Schemas["Change"];
export type ChangePage = Schemas["ChangePage"];
export type Consumer = Schemas["Consumer"];
export type ImportLine = Schemas["ImportLine"];

/** A collection's entry of `app.toml`, in JSON: `schema`, `rules`, `indexes`, `references`, … */
export type CollectionDefinition = { [key: string]: Json };

/** How pictures are made that may be asked for by name. */
export interface BucketPreset {
  width?: number;
  height?: number;
  fit?: "cover" | "contain" | "inside";
  format?: "webp" | "jpeg" | "png" | "avif";
  /** 1 to 100. */
  quality?: number;
}

/** A bucket's entry of `app.toml`, in JSON. */
export interface BucketDefinition {
  /** Of one file: `"10MB"`. */
  maxSize?: string;
  /** `image/png`, `image/*`; every type where nothing is said. */
  allowedTypes?: string[];
  /** Whether everybody may get its files. */
  public?: boolean;
  /** Types that are shown although a browser may run them. */
  inline?: string[];
  /** How long a file is kept: `"90d"`. */
  retention?: string;
  /** Of all its files together. */
  quota?: string;
  /** Whether files wait for a scanner's word. */
  scan?: boolean;
  /** Whether downloads are sent on to the object store. */
  redirect?: boolean;
  presets?: Record<string, BucketPreset>;
  rules?: { [operation: string]: string };
  /** Write rules that may be open to everybody. */
  acknowledge?: string[];
}

export type BucketInfo = Omit<Schemas["Bucket"], "definition"> & { definition: BucketDefinition };

/** What somebody changed by the admin API. */
export interface AuditEntry {
  id: string;
  createdAt: string;
  actor: { type: string; id?: string | null };
  action: string;
  target: { type: string; id?: string | null };
  requestId: string;
  ip?: string | null;
  before?: Json;
  after?: Json;
}
