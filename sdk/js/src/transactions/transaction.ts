import type { DocumentContext } from "../documents/context.js";
import type { Expression } from "../documents/expression.js";
import { checkCollection, checkId, newId } from "../documents/ids.js";
import type { NewDocument, Patch, SchemaOf } from "../documents/shapes.js";
import type { CallOptions, Document, Json, JsonPatch } from "../documents/types.js";
import { badArgument } from "../errors.js";

const MOST_OPERATIONS = 500;

export interface OperationOptions {
  /** The `rev` that the document must have. */
  ifMatch?: string;
  /** What must be true of the document as the operations before have left it; else `condition_failed`. */
  where?: Expression;
}

interface Operation {
  op: "create" | "replace" | "patch" | "delete" | "check";
  collection: string;
  id: string;
  [member: string]: unknown;
}

export interface TransactionResult {
  /** In the order of the operations; `document` is null where the caller may not read it. */
  results: { id: string; rev: string | null; document: Document | null }[];
  /** Its place in the log; null where nothing was written. */
  seq: string | null;
}

/**
 * Up to 500 writes, all or none. Nothing is sent before `commit`; conditions are decided there, on exactly the state that
 * is changed. A failure is that of the operation, whose number (from 0) is in the error's `details.operation`.
 */
export class Transaction<Schema extends SchemaOf<Schema>> {
  readonly #operations: Operation[] = [];
  #committed = false;

  /** Made by `client.transaction()`. */
  constructor(private readonly context: Pick<DocumentContext, "transport" | "clock">) {}

  create<N extends keyof Schema & string>(collection: N, data: NewDocument<Schema[N]>): this {
    const { id = newId(this.context.clock), ...fields } = data;
    return this.#add("create", collection, id, { data: fields });
  }

  /** The whole document, whether there is one or not. */
  replace<N extends keyof Schema & string>(
    collection: N,
    id: string,
    data: Schema[N],
    options?: OperationOptions,
  ): this {
    return this.#add("replace", collection, id, { data }, options);
  }

  /** A merge patch with operators, or a JSON Patch. */
  update<N extends keyof Schema & string>(
    collection: N,
    id: string,
    patch: Patch<Schema[N]> | JsonPatch[],
    options: OperationOptions & { upsert?: boolean } = {},
  ): this {
    const { upsert, ...rest } = options;
    return this.#add("patch", collection, id, { patch, upsert: upsert || undefined }, rest);
  }

  delete<N extends keyof Schema & string>(collection: N, id: string, options?: OperationOptions): this {
    return this.#add("delete", collection, id, {}, options);
  }

  /** Writes nothing: all fails unless the document is there (or isn't) and `where` is true of it. */
  check<N extends keyof Schema & string>(collection: N, id: string, exists = true, options?: OperationOptions): this {
    return this.#add("check", collection, id, { exists }, options);
  }

  async commit(options?: CallOptions & { idempotencyKey?: string }): Promise<TransactionResult> {
    if (this.#committed) throw badArgument("This transaction was committed already.");
    if (this.#operations.length === 0) throw badArgument("A transaction has one operation at least.");
    this.#committed = true;
    const body = { operations: this.#operations };
    const request = { ...options, method: "POST", path: "/v1/transactions", body } as const;
    const { data } = await this.context.transport.request<TransactionResult>(request);
    return { results: data.results, seq: data.seq };
  }

  #add(op: Operation["op"], collection: string, id: string, members: object, options: OperationOptions = {}): this {
    if (this.#committed) throw badArgument("This transaction was committed already.");
    if (this.#operations.length === MOST_OPERATIONS) {
      throw badArgument(`A transaction has at most ${MOST_OPERATIONS} operations.`);
    }
    const compiled = options.where?.compile();
    const condition: { where?: string; vars?: Record<string, Json> } = compiled
      ? { where: compiled.filter, vars: compiled.vars }
      : {};
    const { ifMatch } = options;
    this.#operations.push({
      op,
      collection: checkCollection(collection),
      id: checkId(id),
      ...members,
      ifMatch,
      ...condition,
    });
    return this;
  }
}
