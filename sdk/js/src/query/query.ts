import { compile, type Program } from "../cel/index.js";
import type { Document, QuerySpec } from "../documents/types.js";
import { isBasaltError } from "../errors.js";
import { plain } from "./json.js";
import { compareBy } from "./order.js";
import { selector } from "./select.js";

export interface LocalQuery {
  /** Whether it can be answered without the server; if not, `matches` is false of everything. */
  readonly local: boolean;
  /** Why only the server can answer it. */
  readonly reason: string | undefined;
  /** Whether documents come and go with the time alone (`request.time`). */
  readonly usesTime: boolean;
  readonly limit: number | undefined;
  /** Whether `select` leaves fields out. */
  readonly selects: boolean;
  /** Whether the filter is true of the document. An error isn't. */
  matches(document: Document): boolean;
  /** Which document comes first. */
  compare(left: Document, right: Document): number;
  /** The documents that match, in order, as many as the limit says. */
  run(documents: Iterable<Document>): Document[];
  /** The fields that the query shows. */
  select(document: Document): Document;
}

export interface QueryOptions {
  /** Milliseconds; the clock of `request.time`. */
  now?: () => number;
}

/**
 * A query over documents at hand, with the server's results. Throws a `BasaltError` (`bad_filter`, `bad_parameter`) for
 * what the server would refuse; what only the server can answer is no fault, but not `local`.
 */
export function compileQuery(spec: QuerySpec, options: QueryOptions = {}): LocalQuery {
  const { program, reason: unknown } = compileFilter(spec.filter);
  const byDistance = spec.sort?.some((term) => term.startsWith("distance("));
  const compare = compareBy(byDistance ? [] : spec.sort);
  const select = spec.select && selector(spec.select);
  const reason = unknown ?? serverOnly(spec) ?? (byDistance ? "sort by distance" : undefined);
  const vars = plain(spec.vars ?? {});
  const now = options.now ?? Date.now;
  const matchesAt = (doc: Document, time: number) =>
    reason === undefined && (program?.evaluate({ doc, vars, time }) ?? true) === true;
  return {
    local: reason === undefined,
    reason,
    usesTime: program?.usesTime ?? false,
    limit: spec.limit,
    selects: select !== undefined,
    matches: (document) => matchesAt(document, now()),
    compare,
    run(documents) {
      // One time for all of them, as in one request.
      const time = now();
      const found = [...documents].filter((document) => matchesAt(document, time)).sort(compare);
      return spec.limit === undefined ? found : found.slice(0, spec.limit);
    },
    select: (document) => (select ? (select(document) as Document) : document),
  };
}

function compileFilter(filter: string | undefined): { program?: Program; reason?: string } {
  if (filter === undefined) return {};
  try {
    return { program: compile(filter) };
  } catch (error) {
    if (isBasaltError(error, "server_only")) return { reason: error.message };
    throw error;
  }
}

function serverOnly(spec: QuerySpec): string | undefined {
  const parts = [spec.search, spec.nearest, spec.cursor, spec.expand?.length ? spec.expand : undefined];
  return ["search", "nearest", "cursor", "expand"].find((_, index) => parts[index] !== undefined);
}
