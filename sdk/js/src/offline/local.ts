/** The local evaluation of queries and writes, compiled once for each query. */
import type { Document, Mutation, QuerySpec, SubscribeSpec } from "../documents/types.js";
import { applyMutation, compileQuery, type LocalQuery } from "../query/index.js";
import type { Clock } from "../transport/types.js";
import { keyOf } from "./model.js";

const MOST_COMPILED = 200;

export class LocalQueries {
  readonly #compiled = new Map<string, LocalQuery>();

  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** False: only the server can tell what matches. Throws for what is no query at all. */
  isLocal(spec: SubscribeSpec): boolean {
    return spec.document !== undefined || this.#query(spec).local;
  }

  matches(spec: SubscribeSpec, doc: Document): boolean {
    if (spec.document !== undefined) return spec.document === doc.id;
    const query = this.#query(spec);
    return query.local && query.matches(doc);
  }

  compare(spec: QuerySpec, one: Document, other: Document): number {
    return this.#query(spec).compare(one, other);
  }

  run(spec: QuerySpec, docs: Document[]): Document[] {
    return this.#query(spec).run(docs);
  }

  select(doc: Document, select: string[]): Document {
    return this.#query({ collection: "", select }).select(doc);
  }

  apply(doc: Document | null, mutation: Mutation, madeAt: number): Document | null {
    return applyMutation(doc, mutation, madeAt);
  }

  #query(spec: SubscribeSpec): LocalQuery {
    const key = spec.select ? `${keyOf(spec)}${JSON.stringify(spec.select)}` : keyOf(spec);
    let query = this.#compiled.get(key);
    if (!query) {
      if (this.#compiled.size >= MOST_COMPILED) this.#compiled.clear();
      query = compileQuery({ ...spec }, { now: () => this.#clock.now() });
      this.#compiled.set(key, query);
    }
    return query;
  }
}
