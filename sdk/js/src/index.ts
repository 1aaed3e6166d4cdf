export type { Auth } from "./auth/auth.js";
export type * from "./auth/types.js";
export { type Client, type ClientOptions, createClient, type Functions as HasFunctions } from "./client.js";
export type { Aggregate, Bucket, Group, GroupBy, GroupPage, Measure } from "./documents/aggregate.js";
export type { Collection, UpdateOptions, WriteOptions } from "./documents/collection.js";
export type { DocumentRef, Version, VersionPage } from "./documents/document.js";
export {
  all,
  any,
  type Bindable,
  type Comparison,
  type Compiled,
  cel,
  Expression,
  not,
  type TextOperator,
  type WhereOperator,
  where,
} from "./documents/expression.js";
export type { FieldPath } from "./documents/fields.js";
export {
  append,
  type FieldOperator,
  increment,
  max,
  min,
  remove,
  serverNow,
  set,
  union,
  unset,
} from "./documents/operators.js";
export type { Explanation, Query } from "./documents/query.js";
export type {
  AnySchema,
  Field,
  NewDocument,
  Operand,
  Patch,
  SchemaOf,
  Selected,
  ValueAt,
  WithDistance,
  WithExpand,
  WithHighlight,
} from "./documents/shapes.js";
export type * from "./documents/types.js";
export { BasaltError, type ErrorDetail, type ErrorParts, isBasaltError } from "./errors.js";
export type * from "./offline/types.js";
export type { LiveDocument, LiveQuery, LiveResult } from "./realtime/live.js";
export type { ResultChange } from "./realtime/result.js";
export type * from "./realtime/types.js";
export { type KeyValueStorage, memoryStorage } from "./storage/storage.js";
export type { OperationOptions, Transaction, TransactionResult } from "./transactions/transaction.js";
export type { AnswerHead, ApiAnswer, ApiRequest, Clock, Fetch, Method, Transport } from "./transport/types.js";
