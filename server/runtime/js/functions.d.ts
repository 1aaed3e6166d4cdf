// biome-ignore-all lint/suspicious/noExplicitAny: what an app hasn't declared is left to the app
/** What functions import, and what they are called with. `basalt types` adds an app's own collections and functions. */
declare module "basalt:functions" {
  export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

  /** An app's collections, by name. Filled in by `basalt types`; without it every collection holds plain JSON. */
  export interface Collections {}
  /** An app's callables: `{ name: { input: …, output: … } }`. Filled in by `basalt types`. */
  export interface Functions {}
  /** Names of secrets and environment values. Filled in by whoever likes. */
  export interface Secrets {
    readonly [name: string]: string | undefined;
  }
  export interface Environment {
    readonly [name: string]: string | undefined;
  }

  type Fields<N extends string> = N extends keyof Collections ? Collections[N] : Record<string, any>;
  type Name<T> = (keyof T & string) | (string & {});
  type Input<N extends string> = N extends keyof Functions
    ? Functions[N] extends { input: infer I }
      ? I
      : unknown
    : unknown;
  type Output<N extends string> = N extends keyof Functions
    ? Functions[N] extends { output: infer O }
      ? O
      : any
    : any;

  export interface DocumentFields {
    id: string;
    rev: string;
    createdAt: string;
    updatedAt: string;
  }
  export type Document<T = Record<string, any>> = T & DocumentFields;

  // ---- options

  export interface Options {
    /** Wall time: `"10s"`; 60 s in the background, 2 s before a write (at most 5 s). */
    timeout?: string;
    /** `"64MB"`. */
    memory?: string;
    /** Time on a processor. */
    cpu?: string;
    /** Who may call it: CEL over `auth`, `input` and `request`. Without one here or in `[functions.rules]`: nobody. */
    invoke?: string;
    /** JSON Schema of what it takes. */
    input?: object | boolean;
    /** JSON Schema of what it gives. */
    output?: object | boolean;
    /** Calls at once: 100. */
    concurrency?: number;
    /** Calls that may wait: 200. */
    queue?: number;
    /** `fresh`: an instance of its own for each call. */
    isolation?: "shared" | "fresh";
    /** Tries of an event, a tick or a task. */
    retries?: number;
  }
  type Op = "create" | "update" | "delete";
  export interface DocumentOptions extends Options {
    /** All where nothing is said. */
    on?: Op[];
    /** CEL over `doc`, `before` and the event's other members. */
    when?: string;
  }
  export interface UserOptions extends Options {
    on?: ("create" | "update" | "delete" | "signIn")[];
    when?: string;
  }
  export interface BeforeDocumentOptions extends Options {
    on?: Op[];
  }
  export interface BeforeUserOptions extends Options {
    on?: ("create" | "signIn")[];
  }
  export interface ScheduleOptions extends Options {
    /** `"Asia/Shanghai"`; UTC where nothing is said. */
    timezone?: string;
    /** What becomes of ticks that were missed. */
    catchUp?: "one" | "none";
    /** What becomes of a tick while the last one still runs. */
    overlap?: "skip" | "allow";
  }

  // ---- what functions are called with

  export interface Actor {
    type: string;
    id?: string | null;
  }
  interface Happened<D> {
    /** The same on every try. */
    id: string;
    /** `basalt.document.created`, … */
    type: string;
    /** `/v1/collections/notes`, … */
    source: string;
    /** The document's id, the file's path, … */
    subject: string;
    doc: D;
    actor: Actor;
    requestId: string;
    at: string;
    /** 1 on the first try. */
    attempt: number;
  }
  /** A document that was written; `doc` is as it now is, of a deletion as it was. */
  export interface Event<T = Record<string, any>> extends Happened<Document<T>> {
    seq: string;
    op: Op;
    collection: string;
    /** Of an update: what the fields that have changed were. Else null. */
    before: Partial<Document<T>> | null;
  }
  export interface FileFields {
    bucket: string;
    path: string;
    size: number;
    contentType: string;
    sha256: string;
    owner: string | null;
    data: Record<string, any>;
    /** Of pictures. */
    image?: { width: number; height: number; blurhash: string; color: string };
  }
  export interface UserFields {
    email?: string | null;
    emailVerified?: boolean;
    anonymous?: boolean;
    roles?: string[];
    claims?: Record<string, any>;
    [field: string]: any;
  }
  /** A write that is about to happen. */
  export interface Change<T = Record<string, any>> {
    op: Op;
    collection: string;
    id: string;
    /** As it is stored; null where it is new. */
    doc: Document<T> | null;
    /** As it would be; null where it is deleted. */
    next: (T & { id?: string }) | null;
  }
  /** A sign-up or a sign-in that is about to happen; of a sign-in nothing can be changed, only refused. */
  export interface UserChange {
    op: "create" | "signIn";
    id: string;
    doc: (UserFields & DocumentFields) | null;
    next: UserFields | null;
  }
  /** A schedule's time; `scheduledAt` may be past. */
  export type Tick = Happened<{ schedule: string; scheduledAt: string; input?: any }>;
  export type ChannelMessage = Happened<{
    channel: string;
    event: string;
    data: any;
    userId: string | null;
    id: string;
    at: string;
  }>;

  // ---- kinds

  /** A function as it is exported. Tests may call its `handler`. */
  export interface Declared<Handler> {
    readonly kind: string;
    readonly subject: string | null;
    readonly options: Options;
    readonly handler: Handler;
  }
  type Callable<I, O> = (input: I, ctx: Context) => O | Promise<O>;
  type Handler<E, R = unknown> = (event: E, ctx: Context) => R | Promise<R>;
  // biome-ignore lint/suspicious/noConfusingVoidType: a hook that only looks returns nothing
  type Changed<T> = T | null | undefined | void;

  export function callable<I = any, O = any>(handler: Callable<I, O>): Declared<Callable<I, O>>;
  export function callable<I = any, O = any>(options: Options, handler: Callable<I, O>): Declared<Callable<I, O>>;
  export function http(handler: Handler<Request, Response>): Declared<Handler<Request, Response>>;
  export function http(options: Options, handler: Handler<Request, Response>): Declared<Handler<Request, Response>>;

  export function onDocument<N extends Name<Collections>>(
    collection: N,
    handler: Handler<Event<Fields<N>>>,
  ): Declared<Handler<Event<Fields<N>>>>;
  export function onDocument<N extends Name<Collections>>(
    collection: N,
    options: DocumentOptions,
    handler: Handler<Event<Fields<N>>>,
  ): Declared<Handler<Event<Fields<N>>>>;
  /** What it returns is written instead; nothing: what was to be written. A thrown `FunctionError` refuses. */
  export function beforeDocument<N extends Name<Collections>>(
    collection: N,
    handler: Handler<Change<Fields<N>>, Changed<Fields<N>>>,
  ): Declared<Handler<Change<Fields<N>>, Changed<Fields<N>>>>;
  export function beforeDocument<N extends Name<Collections>>(
    collection: N,
    options: BeforeDocumentOptions,
    handler: Handler<Change<Fields<N>>, Changed<Fields<N>>>,
  ): Declared<Handler<Change<Fields<N>>, Changed<Fields<N>>>>;
  export function onFile(bucket: string, handler: Handler<Event<FileFields>>): Declared<Handler<Event<FileFields>>>;
  export function onFile(
    bucket: string,
    options: DocumentOptions,
    handler: Handler<Event<FileFields>>,
  ): Declared<Handler<Event<FileFields>>>;
  export function onUser(handler: Handler<Event<UserFields>>): Declared<Handler<Event<UserFields>>>;
  export function onUser(
    options: UserOptions,
    handler: Handler<Event<UserFields>>,
  ): Declared<Handler<Event<UserFields>>>;
  export function beforeUser(
    handler: Handler<UserChange, Changed<UserFields>>,
  ): Declared<Handler<UserChange, Changed<UserFields>>>;
  export function beforeUser(
    options: BeforeUserOptions,
    handler: Handler<UserChange, Changed<UserFields>>,
  ): Declared<Handler<UserChange, Changed<UserFields>>>;
  export function onSchedule(cron: string, handler: Handler<Tick>): Declared<Handler<Tick>>;
  export function onSchedule(cron: string, options: ScheduleOptions, handler: Handler<Tick>): Declared<Handler<Tick>>;
  /** `room:*` */
  export function onMessage(channel: string, handler: Handler<ChannelMessage>): Declared<Handler<ChannelMessage>>;
  export function onMessage(
    channel: string,
    options: Options,
    handler: Handler<ChannelMessage>,
  ): Declared<Handler<ChannelMessage>>;

  /** What a callable takes and what its caller gets: JSON, and null for nothing. `basalt types` names them. */
  export type InputOf<F> = F extends { handler: (input: infer I, ...more: never[]) => unknown } ? I : never;
  export type OutputOf<F> = F extends { handler: (...call: never[]) => infer R } ? Returned<Awaited<R>> : never;
  // biome-ignore lint/suspicious/noConfusingVoidType: a callable that returns nothing
  type Returned<T> = T extends undefined | void ? null : Sent<T>;
  type Sent<T> = T extends string | number | boolean | null | undefined ? T : Told<T>;
  type Told<T> = T extends { toJSON: (...more: never[]) => infer R }
    ? Sent<R>
    : T extends object
      ? { [K in keyof T]: Sent<T[K]> }
      : T;

  /** Reaches the caller as it is: code (snake case), message, details and status. Any other error is a 500. */
  export class FunctionError extends Error {
    constructor(code: string, message?: string, details?: Json | Record<string, unknown>, status?: number);
    readonly code: string;
    readonly status: number;
    readonly details: any;
  }

  // ---- ctx

  export interface Auth {
    id: string;
    email?: string | null;
    emailVerified?: boolean;
    anonymous?: boolean;
    roles: string[];
    claims: Record<string, any>;
    [more: string]: any;
  }
  export interface Context {
    /** Who calls, as rules see it; null for a visitor, and where nobody calls. */
    readonly auth: Auth | null;
    readonly function: string;
    /** The id of this call. */
    readonly invocation: string;
    readonly alias: string;
    readonly version: number;
    /** The same on every try of one event, task or tick. */
    readonly idempotencyKey: string | null;
    readonly attempt: number;
    readonly traceparent: string | null;
    readonly db: Database;
    readonly files: { bucket(name: string): Bucket };
    readonly email: { send(message: Email): Promise<{ id: string }> };
    readonly push: { send(message: Push): Promise<{ id: string }> };
    readonly sms: { send(message: Sms): Promise<{ id: string }> };
    readonly functions: FunctionCalls;
    readonly channels: { publish(channel: string, event: string, data?: Json): Promise<void> };
    readonly fetch: typeof fetch;
    readonly secrets: Secrets;
    readonly env: Environment;
    readonly log: Log;
    /** The same, with the server's own rights: no rule is asked. */
    asService(): Context;
  }
  export interface Log {
    debug(message: string, fields?: object): void;
    info(message: string, fields?: object): void;
    warn(message: string, fields?: object): void;
    error(message: string, fields?: object): void;
  }
  export interface FunctionCalls {
    invoke<N extends Name<Functions>>(name: N, input?: Input<N>, options?: { alias?: string }): Promise<Output<N>>;
    /** Runs it later, at least once: `delay` (`"5m"`) or `runAt`; of one `key` there is one that waits. */
    enqueue<N extends Name<Functions>>(
      name: N,
      input?: Input<N>,
      options?: { delay?: string; runAt?: string | Date; key?: string },
    ): Promise<{ id: string }>;
    cancel(id: string): Promise<unknown>;
  }

  // ---- documents

  export interface Database {
    collection<N extends Name<Collections>>(name: N): Collection<Fields<N>>;
    /** Runs again (5 times at most) when what it read has changed meanwhile. Reads come before writes. */
    transaction<R>(work: (tx: Transaction) => R | Promise<R>): Promise<R>;
  }
  export interface Page<D> {
    items: D[];
    nextCursor: string | null;
    total?: number;
  }
  export interface QueryBody {
    filter?: string;
    vars?: Record<string, Json>;
    sort?: string | string[];
    limit?: number;
    cursor?: string;
    select?: string | string[];
    expand?: string | string[];
    search?: string;
    count?: "exact";
    nearest?: { field: string; vector: number[]; k?: number; metric?: "cosine" | "euclidean" | "dot" };
  }
  type One<K extends string> = K extends string ? { [N in K]: string } : never;
  type Measure = { count: true } | One<"sum" | "avg" | "min" | "max" | "countDistinct">;
  export interface Aggregate {
    measures: Record<string, Measure>;
    groupBy?: (string | { field: string; as?: string; bucket?: string; timezone?: string })[];
    having?: Expression | string;
    sort?: string[];
    limit?: number;
    cursor?: string;
  }
  type TextOperator = "startsWith" | "endsWith" | "containsText";
  export type Comparison = "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not in" | "contains" | "has" | TextOperator;
  export interface Query<T> extends AsyncIterable<Document<T>> {
    where(field: string, operator: Comparison, value: unknown): Query<T>;
    where(condition: Expression): Query<T>;
    and(field: string, operator: Comparison, value: unknown): Query<T>;
    and(condition: Expression): Query<T>;
    or(field: string, operator: Comparison, value: unknown): Query<T>;
    or(condition: Expression): Query<T>;
    orderBy(field: string, direction?: "asc" | "desc"): Query<T>;
    orderByDistance(field: string, point: { lat: number; lng: number }): Query<T>;
    limit(count: number): Query<T>;
    after(cursor: string): Query<T>;
    search(words: string): Query<T>;
    nearest(nearest: NonNullable<QueryBody["nearest"]>): Query<T>;
    select(...fields: string[]): Query<T>;
    expand(...references: string[]): Query<T>;
    list(): Promise<Page<Document<T>>>;
    query(body: QueryBody): Promise<Page<Document<T>>>;
    first(): Promise<Document<T> | null>;
    count(): Promise<number>;
    pages(): AsyncIterable<Page<Document<T>>>;
    all(options?: { most?: number }): Promise<Document<T>[]>;
    aggregate(by: Aggregate): Promise<{ items: Record<string, any>[]; nextCursor: string | null }>;
  }
  export interface WriteOptions {
    ifMatch?: string;
    where?: Expression | string;
  }
  type Patch<T> = { [K in keyof T]?: T[K] | null | FieldOperator };
  type JsonPatch = { op: string; path: string; from?: string; value?: Json }[];
  export interface Collection<T> extends Query<T> {
    readonly name: string;
    /** `document_not_found` where it isn't there or may not be read. */
    get(id: string, options?: { select?: string[]; expand?: string[] }): Promise<Document<T>>;
    /** Null where it isn't there or may not be read. */
    find(id: string, options?: { select?: string[]; expand?: string[] }): Promise<Document<T> | null>;
    create(data: T & { id?: string }): Promise<Document<T>>;
    replace(id: string, data: T, options?: WriteOptions): Promise<Document<T>>;
    upsert(id: string, data: T, options?: WriteOptions): Promise<Document<T>>;
    put(id: string, data: T, options?: WriteOptions): Promise<Document<T>>;
    update(id: string, patch: Patch<T>, options?: WriteOptions & { upsert?: boolean }): Promise<Document<T>>;
    patch(id: string, patch: Patch<T> | JsonPatch, options?: WriteOptions & { upsert?: boolean }): Promise<Document<T>>;
    delete(id: string, options?: WriteOptions): Promise<void>;
  }
  /** Reads ask at once; writes are kept until the end and are then done all or none. */
  export interface Transaction {
    collection<N extends Name<Collections>>(name: N): TransactionCollection<Fields<N>>;
  }
  export interface TransactionCollection<T> {
    get(id: string): Promise<Document<T>>;
    find(id: string): Promise<Document<T> | null>;
    create(data: T & { id?: string }): { id: string };
    replace(id: string, data: T): void;
    upsert(id: string, data: T): void;
    put(id: string, data: T): void;
    update(id: string, patch: Patch<T>, options?: { upsert?: boolean }): void;
    patch(id: string, patch: Patch<T> | JsonPatch, options?: { upsert?: boolean }): void;
    delete(id: string): void;
  }

  /** A condition whose values are bound. */
  export interface Expression {
    and(other: Expression): Expression;
    or(other: Expression): Expression;
  }
  export function where(field: string | string[], operator: Comparison, value: unknown): Expression;
  export function cel(texts: TemplateStringsArray, ...values: unknown[]): Expression;
  export function all(...conditions: Expression[]): Expression;
  export function any(...conditions: Expression[]): Expression;
  export function not(condition: Expression): Expression;

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
  export function increment(by?: number): { readonly $increment: number };
  export function max(value: number | string): { readonly $max: number | string };
  export function min(value: number | string): { readonly $min: number | string };
  export function union(...values: Json[]): { readonly $union: readonly Json[] };
  export function remove(...values: Json[]): { readonly $remove: readonly Json[] };
  export function append(...values: Json[]): { readonly $append: readonly Json[] };
  export function serverNow(): { readonly $now: true };
  export function set(value: Json): { readonly $set: Json };
  export function unset(): { readonly $unset: true };

  // ---- files and messages

  export type FileMetadata = Document<FileFields>;
  export interface ImageOptions {
    width?: number;
    height?: number;
    fit?: "cover" | "contain" | "inside";
    format?: "webp" | "jpeg" | "png" | "avif";
    quality?: number;
  }
  export interface Bucket {
    list(query?: QueryBody & { prefix?: string }): Promise<Page<FileMetadata>>;
    /** Null where there is none. */
    metadata(path: string): Promise<FileMetadata | null>;
    read(path: string, options?: { image?: ImageOptions }): Promise<Uint8Array>;
    text(path: string): Promise<string>;
    json(path: string): Promise<any>;
    write(
      path: string,
      content: string | ArrayBuffer | ArrayBufferView | Blob | ReadableStream,
      options?: { contentType?: string; data?: Record<string, Json>; ifMatch?: string; ifNoneMatch?: "*" },
    ): Promise<FileMetadata>;
    delete(path: string): Promise<void>;
    /** A URL for who has no rights of his own. */
    sign(path: string, options?: SignOptions): Promise<{ url: string; expiresAt: string }>;
    copy(from: string, to: string, options?: { toBucket?: string; overwrite?: boolean }): Promise<FileMetadata>;
    move(from: string, to: string, options?: { toBucket?: string; overwrite?: boolean }): Promise<FileMetadata>;
  }
  export interface SignOptions {
    method?: "GET" | "PUT";
    expiresIn?: string;
    maxSize?: number | string;
    contentType?: string;
    image?: ImageOptions;
    download?: boolean | string;
  }

  type Whom = string | string[] | { [kind: string]: unknown };
  interface Message {
    to: Whom;
    template?: string | { name: string; vars?: Record<string, unknown>; locale?: string };
    vars?: Record<string, unknown>;
    locale?: string;
    data?: Record<string, Json>;
    sendAt?: string | Date;
    expiresAt?: string | Date;
    collapseKey?: string;
  }
  /** `to`: an address, some, or `{ users: [id] }`. */
  export interface Email extends Message {
    subject?: string;
    text?: string;
    html?: string;
    from?: string;
    replyTo?: string;
    attachments?: string[];
  }
  /** `to`: a user's id, some, `{ topic }` or `{ devices }`. */
  export interface Push extends Message {
    title?: string;
    body?: string;
    image?: string;
    url?: string;
  }
  /** `to`: a number, some, or `{ users: [id] }`. */
  export interface Sms extends Message {
    text?: string;
  }
}
