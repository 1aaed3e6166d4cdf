/** What the type of a collection's documents says about fields, values and patches. */
import type { FieldOperator } from "./operators.js";
import type { Document, DocumentFields, Json } from "./types.js";

/** Any collection by any name, for who declares no schema. */
export type AnySchema = Record<string, Record<string, Json>>;

/** The types of collections' documents by the collections' names, as an interface or a type. */
export type SchemaOf<S> = { [N in keyof S]: object };

/** A field of a document by its name; a nested one by its path. */
export type Field<T> = (keyof Document<T> & string) | `${keyof T & string}.${string}`;

/** What is at that path. */
export type ValueAt<T, F extends string> = F extends keyof T
  ? T[F]
  : F extends `${infer Head}.${infer Rest}`
    ? Head extends keyof T
      ? ValueAt<NonNullable<T[Head]>, Rest>
      : Json
    : Json;

type OrDate<V> = V extends string ? V | Date : V;
type Element<V> = NonNullable<V> extends readonly (infer E)[] ? E : Json;

/** What an operator compares a field with. */
export type Operand<T, F extends string, O> = O extends "in" | "not in"
  ? readonly OrDate<NonNullable<ValueAt<T, F>> | null>[]
  : O extends "contains"
    ? OrDate<Element<ValueAt<T, F>>>
    : O extends "startsWith" | "endsWith" | "containsText"
      ? string
      : O extends "has"
        ? boolean
        : OrDate<NonNullable<ValueAt<T, F>> | null>;

/** A new document: its fields, and an id where the app chooses one. */
export type NewDocument<T> = T & { id?: string };

/** A merge patch: what isn't named stays, null removes, maps are merged, operators act on what is stored. */
export type Patch<T> = { [K in keyof T]?: PatchValue<T[K]> };
type PatchValue<V> =
  | V
  | null
  | FieldOperator
  | (NonNullable<V> extends readonly unknown[] ? never : NestedPatch<NonNullable<V>>);
type NestedPatch<V> = V extends object ? { [K in keyof V]?: V[K] | null | FieldOperator } : never;

/** With `select`: `id` and `rev` always, of the rest what was asked for. */
export type Selected<T, F extends string> = Pick<DocumentFields, "id" | "rev"> &
  Pick<Document<T>, Extract<F, keyof Document<T>>> &
  Partial<Document<T>>;

/** With `expand`, by the path of each reference: the document, null where there is none to read, or a list. */
export interface WithExpand {
  expand: Record<string, Document | Document[] | null>;
}

/** With `search`: the fields that were found in, the words in `<mark>`, everything else escaped for HTML. */
export interface WithHighlight {
  highlight?: Record<string, string>;
}

/** With `nearest` and a sort by distance. */
export interface WithDistance {
  distance: number;
}
