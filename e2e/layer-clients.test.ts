/** Public clients of the field, unmodified, against Layer. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import Turbopuffer from "@turbopuffer/turbopuffer";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";

const HEVLAYER = join(REPOSITORY, ".cache", "servers", "hevlayer");

let platform: TestPlatform;
let client: Turbopuffer;
beforeAll(async () => {
  platform = await startPlatform({ config: "planes: [api, proxy, layer]\nlayer:\n  port: 0\n" });
  client = new Turbopuffer({ apiKey: platform.adminKey, baseURL: platform.layer as string, maxRetries: 0 });
});
afterAll(() => platform[Symbol.asyncDispose]());

test("Turbopuffer's TypeScript client writes, queries and describes a namespace", async () => {
  const namespace = client.namespace("products");
  expect(await namespace.exists()).toBe(false);
  const written = await namespace.write({
    upsert_rows: [
      { id: 1, vector: [1, 0], title: "red shoes", price: 10, tags: ["shoes"] },
      { id: 2, vector: [0, 1], title: "blue hat", price: 20, tags: ["hats"] },
    ],
    upsert_columns: { id: [3], vector: [[0.6, 0.8]], title: ["red hat"], price: [30] },
    distance_metric: "cosine_distance",
    schema: { title: { type: "string", full_text_search: true } },
    return_affected_ids: true,
  });
  expect(written).toMatchObject({
    status: "OK",
    rows_affected: 3,
    rows_upserted: 3,
    upserted_ids: [1, 2, 3],
  });
  expect(await namespace.exists()).toBe(true);

  const near = await namespace.query({
    rank_by: ["vector", "ANN", [0.9, 0.1]],
    filters: [
      "And",
      [
        ["title", "Glob", "red*"],
        ["price", "Lt", 100],
      ],
    ],
    limit: 2,
    include_attributes: ["title"],
  });
  expect(near.rows).toEqual([
    { id: 1, title: "red shoes", $dist: expect.closeTo(0.0061, 3) as number },
    { id: 3, title: "red hat", $dist: expect.any(Number) as number },
  ]);

  await namespace.write({ patch_rows: [{ id: 2, price: 5 }], deletes: [3] });
  const all = await namespace.query({ rank_by: ["price", "asc"], limit: 10, include_attributes: true });
  expect(all.rows).toEqual([
    { id: 2, title: "blue hat", price: 5, tags: ["hats"], vector: [0, 1] },
    { id: 1, title: "red shoes", price: 10, tags: ["shoes"], vector: [1, 0] },
  ]);
  const counted = await namespace.query({
    aggregate_by: { n: ["Count"] },
    filters: ["tags", "Contains", "hats"],
  });
  expect(counted.aggregations).toEqual({ n: 1 });
  const both = await namespace.multiQuery({
    queries: [
      { rank_by: ["vector", "kNN", [1, 0]], limit: 1 },
      { rank_by: ["id", "desc"], limit: 1 },
    ],
  });
  expect(both.results.map(({ rows }) => rows?.[0]?.id)).toEqual([1, 2]);

  const metadata = await namespace.metadata();
  expect(metadata).toMatchObject({
    approx_row_count: 2,
    index: { status: "up-to-date" },
    schema: {
      title: { type: "string", full_text_search: true },
      price: { type: "int" },
      vector: { type: "[2]f32" },
    },
  });
  expect(await namespace.schema()).toMatchObject({ tags: { type: "[]string" } });
  const { namespaces } = await client.namespaces({ prefix: "prod" });
  expect(namespaces.map(({ id }) => id)).toEqual(["products"]);
  await namespace.deleteAll();
  expect(await namespace.exists()).toBe(false);
});

test("a large write comes compressed, and a refusal is an error of the client", async () => {
  const namespace = client.namespace("large");
  const rows = Array.from({ length: 2000 }, (_, i) => ({
    id: `row-${i}`,
    vector: [i, 1],
    text: "word ".repeat(40),
  }));
  expect((await namespace.write({ upsert_rows: rows })).rows_affected).toBe(2000);
  const { rows: found } = await namespace.query({ rank_by: ["vector", "ANN", [1999, 1]], limit: 1 });
  expect(found?.[0]?.id).toBe("row-1999");
  await expect(namespace.query({ rank_by: ["vector", "ANN", [1]], limit: 1 })).rejects.toMatchObject({
    status: 422,
    message: expect.stringContaining("1 dimensions") as string,
  });
  const stranger = new Turbopuffer({
    apiKey: "hk-unknown",
    baseURL: platform.layer as string,
    maxRetries: 0,
  });
  await expect(stranger.namespace("large").metadata()).rejects.toMatchObject({ status: 401 });
});

test("hevlayer's Python client writes, queries, fetches and describes a namespace", async (ctx) => {
  if (!existsSync(HEVLAYER))
    return ctx.skip("hevlayer's client is not installed: node scripts/servers.ts hevlayer");
  const env = {
    ...process.env,
    PYTHONPATH: HEVLAYER,
    LAYER_URL: platform.layer,
    LAYER_KEY: platform.adminKey,
  };
  const { stdout } = await promisify(execFile)(
    "python3",
    [join(REPOSITORY, "e2e/support/hevlayer-client.py")],
    { env },
  );
  expect(JSON.parse(stdout)).toEqual({
    written: [3, 1, 1, 1],
    nearest: [
      ["a", "red"],
      ["c", "red"],
    ],
    ordered: ["c", "b", "a"],
    document: { id: "a", attributes: { color: "red", size: 5 } },
    documents: [["b"], ["nobody"]],
    metadata: ["guide", 3, "up-to-date"],
    listed: [["guide", 3]],
    refused: [422, "validation_error"],
    deleted: "OK",
    gone: [404, "not_found"],
  });
});
