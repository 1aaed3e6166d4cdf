import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Document, Json, QuerySpec } from "../../../src/documents/types.js";
import { isBasaltError } from "../../../src/errors.js";
import { compileQuery } from "../../../src/query/index.js";
import { engines, startServer, type TestServer } from "../../support/server.js";

type Fields = Record<string, Json>;

interface Vector {
  expression: string;
  doc?: Fields;
  vars?: Fields;
}

function file<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../../../../tests/vectors/${name}.json`, import.meta.url), "utf8"));
}

const vectors = file<{ random: Vector[] }>("cel").random;
const order = file<{ documents: (Fields & { id: string })[]; cases: { sort: string[] }[] }>("order");
const RULES = `.rules]\nread = "true"\nwrite = "auth != null"\n`;

describe.each(engines)("a query here and at the server on %s", (engine) => {
  let server: TestServer;
  let documents: Document[];

  const call = async (path: string, body: string, type = "json"): Promise<Response> => {
    const headers = { authorization: `Bearer ${server.key}`, "content-type": `application/${type}` };
    return fetch(`${server.url}/v1/collections/${path}`, { method: "POST", headers, body });
  };
  /** The whole result; undefined where the server refuses the filter. */
  const asked = async ({ collection, ...spec }: QuerySpec): Promise<Document[] | undefined> => {
    const answer = await call(`${collection}/query`, JSON.stringify({ limit: 500, ...spec }));
    if (answer.status === 400) return undefined;
    expect(answer.status).toBe(200);
    return ((await answer.json()) as { items: Document[] }).items;
  };
  const imported = async (collection: string, rows: Fields[]) => {
    const answer = await call(`${collection}/import`, rows.map((row) => JSON.stringify(row)).join("\n"), "x-ndjson");
    expect(JSON.parse((await answer.text()).trim())).toMatchObject({ created: rows.length, failed: 0 });
  };

  beforeAll(async () => {
    server = await startServer({ engine, app: `[collections.things${RULES}[collections.rows${RULES}` });
    const own = /^(id|rev|createdAt|updatedAt)$/;
    const rows = vectors.map(({ doc = {} }, n) => {
      const fields = Object.entries(doc).filter(([name]) => !own.test(name));
      return { ...Object.fromEntries(fields), id: `d${1000 + n}` };
    });
    await imported("things", rows);
    await imported("rows", order.documents);
    documents = (await asked({ collection: "things" })) ?? [];
    expect(documents).toHaveLength(vectors.length);
  });
  afterAll(() => server.stop());

  it("finds the same documents", async () => {
    let compared = 0;
    for (const { expression, vars = {} } of vectors.filter(({ expression }) => !expression.includes("request."))) {
      const spec: QuerySpec = { collection: "things", filter: expression, vars, sort: ["-n", "s"] };
      const found = await asked(spec);
      if (!found) continue;
      const local = localOf(spec);
      expect(local.run(documents), expression).toEqual(found);
      compared++;
    }
    expect(compared).toBeGreaterThan(80);
  });

  it("shows and sorts them alike", async () => {
    const rows = (await asked({ collection: "rows" })) ?? [];
    for (const { sort } of order.cases) {
      const spec: QuerySpec = { collection: "rows", sort, limit: 20, select: ["x", "m.k"] };
      const query = compileQuery(spec);
      const found = query.run(rows).map((row) => query.select(row));
      expect(found, sort.join()).toEqual(await asked(spec));
    }
  });
});

function localOf(spec: QuerySpec) {
  try {
    const query = compileQuery(spec);
    expect(query.local, spec.filter).toBe(true);
    return query;
  } catch (error) {
    throw new Error(`${spec.filter}: ${isBasaltError(error) ? error.message : String(error)}`);
  }
}
