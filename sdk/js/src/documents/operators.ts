/** Values of `update` that change what is stored, exactly also when many do it at once. */
import type { Json } from "./types.js";

export type FieldOperator =
  | { readonly $increment: number }
  | { readonly $max: number | string }
  | { readonly $min: number | string }
  | { readonly $union: readonly Json[] }
  | { readonly $remove: readonly Json[] }
  | { readonly $append: readonly Json[] }
  | { readonly $now: true }
  | { readonly $set: Json }
  | { readonly $unset: true };

/** Adds to a number; a missing field counts from 0. */
export const increment = (by = 1) => ({ $increment: by }) as const;
/** Keeps the larger of what is stored and this. */
export const max = (value: number | string) => ({ $max: value }) as const;
/** Keeps the smaller of what is stored and this. */
export const min = (value: number | string) => ({ $min: value }) as const;
/** Adds to a list what isn't in it. */
export const union = (...values: Json[]) => ({ $union: values }) as const;
/** Takes out of a list. */
export const remove = (...values: Json[]) => ({ $remove: values }) as const;
/** Adds at the end of a list. */
export const append = (...values: Json[]) => ({ $append: values }) as const;
/** The time of the write, by the server's clock. */
export const serverNow = () => ({ $now: true }) as const;
/** Stores the value as it is: a null, or a map in the place of a map instead of merged into it. */
export const set = (value: Json) => ({ $set: value }) as const;
/** Removes the field. */
export const unset = () => ({ $unset: true }) as const;
