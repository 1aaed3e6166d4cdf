/** A query that is put together step by step. Each step gives a new one, so that queries can be shared and extended. */
import { BasaltError, badArgument } from "../errors.js";
import { type LiveResult, liveQuery } from "../realtime/live.js";
import type { Aggregate, GroupPage, Measure } from "./aggregate.js";
import type { DocumentContext } from "./context.js";
import { all, any, Expression, type WhereOperator, where } from "./expression.js";
import { plainName } from "./fields.js";
import { queryBody } from "./online.js";
import type { Field, Operand, Selected, WithDistance, WithExpand, WithHighlight } from "./shapes.js";
import type { CallOptions, Document, ListSpec, Nearest, Page, QuerySpec } from "./types.js";

type Spec = Omit<QuerySpec, "filter" | "vars">;

/** How a list is served: for services only. */
export interface Explanation {
  plan: { branches: Record<string, unknown>[] };
  suggestions: unknown[];
}

const MOST_IN_A_PAGE = 500;
const DEFAULT_MOST = 10_000;

/** `D`: a document as it comes; `X`: what the query adds to it. */
export class Query<T extends object, D = Document<T>, X = unknown> {
  /** Made by `client.collection(name)`. */
  constructor(
    protected readonly context: DocumentContext,
    protected readonly parts: Spec,
    protected readonly condition: Expression | null = null,
  ) {}

  /** Only those of which this is true, too. */
  where<F extends Field<T>, O extends WhereOperator>(field: F, operator: O, value: Operand<T, F, O>): Query<T, D, X>;
  where(condition: Expression): Query<T, D, X>;
  where(field: string | Expression, operator?: WhereOperator, value?: unknown): Query<T, D, X> {
    const condition = conditionOf(field, operator, value);
    return this.#with({}, this.condition ? all(this.condition, condition) : condition);
  }

  /** The same as `where`. */
  and<F extends Field<T>, O extends WhereOperator>(field: F, operator: O, value: Operand<T, F, O>): Query<T, D, X>;
  and(condition: Expression): Query<T, D, X>;
  and(field: string | Expression, operator?: WhereOperator, value?: unknown): Query<T, D, X> {
    return this.where(conditionOf(field, operator, value));
  }

  /** Those of which this is true instead of all that was said before: `a.and(b).or(c)` is `(a && b) || c`. */
  or<F extends Field<T>, O extends WhereOperator>(field: F, operator: O, value: Operand<T, F, O>): Query<T, D, X>;
  or(condition: Expression): Query<T, D, X>;
  or(field: string | Expression, operator?: WhereOperator, value?: unknown): Query<T, D, X> {
    if (!this.condition) throw badArgument("There is nothing before this `or`: begin with `where`.");
    return this.#with({}, any(this.condition, conditionOf(field, operator, value)));
  }

  orderBy(field: Field<T>, direction: "asc" | "desc" = "asc"): Query<T, D, X> {
    const name = `${direction === "desc" ? "-" : ""}${plainName(field)}`;
    return this.#with({ sort: [...(this.parts.sort ?? []), name] });
  }

  /** Nearest to a point first; each document tells its `distance` in metres. */
  orderByDistance(field: Field<T>, point: { lat: number; lng: number }): Query<T, D, X & WithDistance> {
    const { lat, lng } = point;
    if (!Number.isFinite(lat) || !Number.isFinite(lng)) throw badArgument("A point has the numbers lat and lng.");
    const name = `distance(${plainName(field)},${lat},${lng})`;
    return this.#with({ sort: [...(this.parts.sort ?? []), name] }) as unknown as Query<T, D, X & WithDistance>;
  }

  /** The size of a page, 1 to 500; of a live query, of its result. */
  limit(count: number): Query<T, D, X> {
    if (!Number.isInteger(count) || count < 1 || count > MOST_IN_A_PAGE) {
      throw badArgument(`A limit is a whole number from 1 to ${MOST_IN_A_PAGE}.`);
    }
    return this.#with({ limit: count });
  }

  /** Goes on where a page ended: its `nextCursor`. */
  after(cursor: string): Query<T, D, X> {
    return this.#with({ cursor });
  }

  /** Full text: words that all have to be found, `"…"` for a phrase. Sorted by relevance unless told otherwise. */
  search(words: string): Query<T, D, X & WithHighlight> {
    return this.#with({ search: words }) as unknown as Query<T, D, X & WithHighlight>;
  }

  /** The `k` documents whose vectors are nearest. */
  nearest(nearest: Nearest & { field: Field<T> }): Query<T, D, X & WithDistance> {
    return this.#with({ nearest }) as unknown as Query<T, D, X & WithDistance>;
  }

  /** Only these fields (and `id` and `rev`). */
  select<F extends Field<T>>(...fields: F[]): Query<T, Selected<T, F>, X> {
    return this.#with({ select: fields.map(plainName) }) as unknown as Query<T, Selected<T, F>, X>;
  }

  /** With the documents that these references lead to, under `expand`. */
  expand(...references: string[]): Query<T, D, X & WithExpand> {
    return this.#with({ expand: references.map(plainName) }) as unknown as Query<T, D, X & WithExpand>;
  }

  /** What is sent: the filter in CEL, with its values beside it. */
  spec(): QuerySpec {
    return { ...this.parts, ...this.condition?.compile() };
  }

  /** One page. */
  list(options?: CallOptions): Promise<Page<D & X>> {
    return this.#page(this.spec(), options);
  }

  async first(options?: CallOptions): Promise<(D & X) | null> {
    const { items } = await this.#page({ ...this.spec(), limit: 1 }, options);
    return items[0] ?? null;
  }

  /** How many there are, exactly. */
  async count(options?: CallOptions): Promise<number> {
    const { sort: _, cursor: __, select: ___, expand: ____, ...spec } = this.spec();
    const { total } = await this.#page({ ...spec, limit: 0, count: true }, options);
    if (total === undefined) throw new BasaltError({ code: "bad_answer", message: "The answer has no total." });
    return total;
  }

  /** Page by page to the end; `total` in each with `count`. */
  async *pages(options?: CallOptions & { count?: boolean }): AsyncGenerator<Page<D & X>, void, undefined> {
    const { count, ...call } = options ?? {};
    let spec: ListSpec = { ...this.spec(), ...(count && { count }) };
    while (true) {
      const page = await this.#page(spec, call);
      yield page;
      if (page.nextCursor === null) return;
      if (page.nextCursor === spec.cursor)
        throw new BasaltError({ code: "bad_answer", message: "The pages don't end." });
      spec = { ...spec, cursor: page.nextCursor };
    }
  }

  /** Document by document to the end: `for await (const note of notes.where(…))`. */
  async *[Symbol.asyncIterator](): AsyncGenerator<D & X, void, undefined> {
    for await (const page of this.pages()) yield* page.items;
  }

  /** All of them in a list; `too_many` where there are more than `most` (10,000). */
  async all(options?: CallOptions & { most?: number }): Promise<(D & X)[]> {
    const { most = DEFAULT_MOST, ...call } = options ?? {};
    const found: (D & X)[] = [];
    const query = this.parts.limit ? this : this.limit(Math.max(1, Math.min(MOST_IN_A_PAGE, most)));
    for await (const page of query.pages(call)) {
      found.push(...page.items);
      if (found.length > most) throw new BasaltError({ code: "too_many", message: `There are more than ${most}.` });
    }
    return found;
  }

  /** Measures of groups, of what the query's filter lets through. */
  async aggregate<const M extends Record<string, Measure>>(
    by: Aggregate<M>,
    options?: CallOptions,
  ): Promise<GroupPage<M>> {
    const { filter, vars } = this.condition?.compile() ?? {};
    const having = by.having?.compile("h");
    const body = { ...by, filter, having: having?.filter, vars: { ...vars, ...having?.vars } };
    const path = `/v1/collections/${this.parts.collection}/aggregate`;
    const request = { ...options, method: "POST", path, body, safe: true } as const;
    return (await this.context.transport.request<GroupPage<M>>(request)).data;
  }

  /** How the server would answer it, and the index that would help; with a service key. */
  async explain(options?: CallOptions): Promise<Explanation> {
    const path = `/v1/collections/${this.parts.collection}/query`;
    const body = { ...queryBody(this.spec()), explain: true };
    return (await this.context.transport.request<Explanation>({ ...options, method: "POST", path, body, safe: true }))
      .data;
  }

  /** The result now and after each change of it; gives the function that ends it. */
  subscribe(callback: (result: LiveResult<T>) => void, onError?: (error: BasaltError) => void): () => void {
    return liveQuery<T>(this.context.source, this.spec()).subscribe(callback, onError);
  }

  /** The same, to be read by `for await`. */
  live(): AsyncIterableIterator<LiveResult<T>> {
    return liveQuery<T>(this.context.source, this.spec()).results();
  }

  async #page(spec: ListSpec, options?: CallOptions): Promise<Page<D & X>> {
    return (await this.context.source.list(spec, options)) as unknown as Page<D & X>;
  }

  #with(parts: Partial<Spec>, condition = this.condition): Query<T, D, X> {
    return new Query(this.context, { ...this.parts, ...parts }, condition);
  }
}

function conditionOf(field: string | Expression, operator?: WhereOperator, value?: unknown): Expression {
  if (field instanceof Expression) return field;
  return where(field, operator as WhereOperator, value);
}
