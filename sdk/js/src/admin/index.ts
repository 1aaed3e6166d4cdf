/** `@basalt/client/admin`: for servers and scripts with a service key, and for the console. */

export { BasaltError, isBasaltError } from "../errors.js";
export type { ChangeQuery, Changes, PageQuery } from "./changes.js";
export { type AdminClient, type AdminOptions, createAdmin } from "./client.js";
export type { Export, ExportOptions } from "./export.js";
export type * from "./function-types.js";
export type { Deployments, Functions, InvocationRecords, Logs, Secrets } from "./functions.js";
export type { ImportOptions, ImportResult, ImportSource } from "./import.js";
export type { Audit, Buckets, Channels, Collections, Keys, Operators, Roles, Rules } from "./rooms.js";
export type * from "./target-types.js";
export type { DeadLetters, Schedules, Webhooks } from "./targets.js";
export type * from "./types.js";
export type { UserQuery, Users } from "./users.js";
