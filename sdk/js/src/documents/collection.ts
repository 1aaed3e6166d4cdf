import { badArgument } from "../errors.js";
import { randomId } from "../transport/random.js";
import type { DocumentContext } from "./context.js";
import { DocumentRef } from "./document.js";
import type { Expression } from "./expression.js";
import { checkCollection, checkId, newId } from "./ids.js";
import { Query } from "./query.js";
import type { NewDocument, Patch } from "./shapes.js";
import type { CallOptions, Document, Json, JsonPatch, Mutation, ReadOptions } from "./types.js";

export interface WriteOptions extends CallOptions {
  /** The `rev` that the document must have; else `precondition_failed`. */
  ifMatch?: string;
  /** What must be true of the stored document; else `condition_failed`. */
  where?: Expression;
  /** A key of one's own under which the write happens once; made where none is given. */
  idempotencyKey?: string;
}

export interface UpdateOptions extends WriteOptions {
  /** Creates the document from the patch where it isn't there. */
  upsert?: boolean;
}

/**
 * The documents of a collection. It is a query itself: of all that its caller may list. Writes answer with the document
 * as its writer may read it: with `id` and `rev` alone where that isn't allowed.
 */
export class Collection<T extends object> extends Query<T> {
  constructor(
    context: DocumentContext,
    readonly name: string,
  ) {
    super(context, { collection: checkCollection(name) });
  }

  /** One document, for what is done with it. Asks nothing. */
  doc(id: string): DocumentRef<T> {
    return new DocumentRef<T>(this, this.context, checkId(id));
  }

  /** `document_not_found` where it isn't there or may not be read. */
  async get(id: string, options?: ReadOptions): Promise<Document<T>> {
    return (await this.context.source.get(this.name, checkId(id), options)) as Document<T>;
  }

  /** A new document; `document_exists` where the id is taken. */
  create(data: NewDocument<T>, options?: CallOptions & { idempotencyKey?: string }): Promise<Document<T>> {
    const { id = newId(this.context.clock), ...fields } = data;
    return this.#write({ kind: "create", id, data: fields as Record<string, Json> }, options);
  }

  /** The whole document anew; `document_not_found` or `precondition_failed` where there is none. */
  replace(id: string, data: T, options?: WriteOptions): Promise<Document<T>> {
    return this.#write({ kind: "replace", id, data: data as Record<string, Json> }, options);
  }

  /** The whole document, whether there is one or not. */
  upsert(id: string, data: T, options?: WriteOptions): Promise<Document<T>> {
    return this.#write({ kind: "replace", id, data: data as Record<string, Json>, upsert: true }, options);
  }

  /** Some fields: a merge patch, whose values may be operators such as `increment(1)`. */
  update(id: string, patch: Patch<T>, options?: UpdateOptions): Promise<Document<T>> {
    const { upsert, ...rest } = options ?? {};
    return this.#write({ kind: "patch", id, patch: patch as Record<string, Json>, ...(upsert && { upsert }) }, rest);
  }

  /** A JSON Patch (RFC 6902). */
  patch(id: string, operations: JsonPatch[], options?: WriteOptions): Promise<Document<T>> {
    if (!Array.isArray(operations)) throw badArgument("A JSON Patch is a list of operations.");
    return this.#write({ kind: "patch", id, patch: operations }, options);
  }

  async delete(id: string, options?: WriteOptions): Promise<void> {
    await this.#write({ kind: "delete", id }, options);
  }

  async #write(
    { id, ...change }: Omit<Mutation, "collection" | "idempotencyKey" | "ifMatch" | "where">,
    options: WriteOptions = {},
  ): Promise<Document<T>> {
    const { ifMatch, where, idempotencyKey = randomId(this.context.clock, 20), ...call } = options;
    const compiled = where?.compile();
    const mutation: Mutation = {
      ...change,
      collection: this.name,
      id: checkId(id),
      idempotencyKey,
      ...(ifMatch !== undefined && { ifMatch }),
      ...(compiled && { where: compiled }),
    };
    const { document } = await this.context.source.write(mutation, call);
    return document as Document<T>;
  }
}
