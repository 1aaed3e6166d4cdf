export type * from "./auth/types.js";
export type * from "./documents/types.js";
export { BasaltError, type ErrorDetail, isBasaltError } from "./errors.js";
export type * from "./realtime/types.js";
export type { Clock, Fetch, Transport } from "./transport/types.js";
