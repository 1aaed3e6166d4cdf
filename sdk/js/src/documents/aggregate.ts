import type { Expression } from "./expression.js";
import type { Json } from "./types.js";

export type Bucket = "minute" | "hour" | "day" | "week" | "month" | "quarter" | "year";

export type GroupBy = string | { field: string; as?: string; bucket?: Bucket; timezone?: string };

export type Measure =
  | { count: true }
  | { sum: string }
  | { avg: string }
  | { min: string }
  | { max: string }
  | { countDistinct: string };

export interface Aggregate<M extends Record<string, Measure> = Record<string, Measure>> {
  measures: M;
  groupBy?: readonly GroupBy[];
  /** A condition on groups: `cel` over the names of keys and measures. */
  having?: Expression;
  /** Names of keys and measures, `-` before one for descending. */
  sort?: readonly string[];
  limit?: number;
  cursor?: string;
}

/** A group: its keys (null where missing) and measures (null: of nothing). */
export type Group<M> = {
  [K in keyof M]: M[K] extends { count: true } | { countDistinct: string } ? number : Json;
} & Record<string, Json>;

export interface GroupPage<M> {
  items: Group<M>[];
  nextCursor: string | null;
}
