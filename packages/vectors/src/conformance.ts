import type { PlatformError } from "@hanzo-fn/contract";
import { readFilter, readQuery, readWrite } from "@hanzo-fn/contract/layer";
import { describe, expect, test } from "vitest";
import type { NamespaceKey, QueryOutcome, VectorStore, WriteOutcome } from "./vector-store.ts";

export interface VectorsUnderTest extends AsyncDisposable {
  readonly vectors: VectorStore;
}

const KEY: NamespaceKey = { org: "acme", name: "products" };
const { signal } = new AbortController();

/** What every `VectorStore` does; bodies are the wire's. */
export function exerciseVectors(setup: () => Promise<VectorsUnderTest>): void {
  async function opened(): Promise<
    VectorsUnderTest & {
      write(body: unknown, key?: NamespaceKey): Promise<WriteOutcome>;
      query(body: unknown, key?: NamespaceKey): Promise<QueryOutcome>;
      ids(filter: unknown): Promise<unknown[]>;
    }
  > {
    const under = await setup();
    const { vectors } = under;
    const query = (body: unknown, key = KEY): Promise<QueryOutcome> =>
      vectors.query(key, readQuery(body), signal);
    return {
      vectors,
      write: (body, key = KEY) => vectors.write(key, readWrite(body), signal),
      query,
      ids: async (filters) => {
        const { rows = [] } = await query({ rank_by: ["id", "asc"], filters, limit: 1000 });
        return rows.map(({ id }) => id);
      },
      [Symbol.asyncDispose]: () => under[Symbol.asyncDispose](),
    };
  }
  const refusal = async (work: Promise<unknown>): Promise<string> => {
    const error = (await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )) as PlatformError | undefined;
    return `${error?.code}: ${error?.message}`;
  };
  const ROWS = [
    { id: "a", vector: [1, 0], color: "red", size: 1, tags: ["x", "y"] },
    { id: "b", vector: [0, 1], color: "blue", size: 2 },
    { id: "c", vector: [0.6, 0.8], color: "red", size: 3, tags: ["y"] },
  ];

  describe("writes", () => {
    test("the first makes the namespace, and a row is replaced whole", async () => {
      await using t = await opened();
      expect(await t.vectors.metadata(KEY, signal)).toBeUndefined();
      expect((await t.write({ upsert_rows: ROWS })).upserted).toEqual(["a", "b", "c"]);
      await t.write({ upsert_columns: { id: ["a"], vector: [[0, 1]], color: ["green"] } });
      expect(await t.vectors.fetch(KEY, ["c", "a", "nobody"], signal)).toMatchObject([
        { id: "c", attributes: { color: "red", size: 3, tags: ["y"] } },
        { id: "a", attributes: { color: "green" }, vectors: [new Float32Array([0, 1])] },
      ]);
      const [, a] = await t.vectors.fetch(KEY, ["c", "a"], signal);
      expect(a?.attributes).toEqual({ color: "green" });
      expect(await t.vectors.metadata(KEY, signal)).toMatchObject({
        name: "products",
        rowCount: 3,
        distanceMetric: "cosine_distance",
        dimensions: 2,
        schema: { color: { type: "string" }, size: { type: "int" }, tags: { type: "[]string" } },
      });
    });

    test("a patch changes what it names, removes what is null, and passes over rows that are not there", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      const rows = [
        { id: "a", color: "green", tags: null },
        { id: "nobody", color: "green" },
      ];
      expect((await t.write({ patch_rows: rows, return_affected_ids: true })).patched).toEqual(["a"]);
      expect(await t.vectors.fetch(KEY, ["a", "nobody"], signal)).toEqual([
        { id: "a", attributes: { color: "green", size: 1 }, vectors: [new Float32Array([1, 0])] },
      ]);
    });

    test("deletes name rows, or a filter does; a patch by filter changes what the filter holds", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      expect((await t.write({ deletes: ["b", "nobody"] })).deleted).toEqual(["b"]);
      const patch = { filters: ["size", "Gte", 3], patch: { color: "black" } };
      expect((await t.write({ patch_by_filter: patch })).patched).toEqual(["c"]);
      expect(await t.ids(["color", "Eq", "black"])).toEqual(["c"]);
      expect((await t.write({ delete_by_filter: ["color", "Glob", "b*"] })).deleted).toEqual(["c"]);
      expect(await t.ids(["And", []])).toEqual(["a"]);
      expect(await t.vectors.metadata(KEY, signal)).toMatchObject({ rowCount: 1 });
    });

    test("a condition sees the row as it is and as it is to be; a row that is new needs none", async () => {
      await using t = await opened();
      const condition = [
        "Or",
        [
          ["gen", "Lte", { $ref_new: "gen" }],
          ["gen", "Eq", null],
        ],
      ];
      const write = (gen: number, text: string): Promise<WriteOutcome> =>
        t.write({ upsert_rows: [{ id: "a", vector: [1, 0], gen, text }], upsert_condition: condition });
      expect((await write(2, "new")).upserted).toEqual(["a"]);
      expect((await write(1, "old")).upserted).toEqual([]);
      expect((await write(2, "again")).upserted).toEqual(["a"]);
      const patch = { patch_rows: [{ id: "a", text: "no" }], patch_condition: ["gen", "Gt", 2] };
      expect((await t.write(patch)).patched).toEqual([]);
      expect((await t.write({ deletes: ["a"], delete_condition: ["text", "Eq", "no"] })).deleted).toEqual([]);
      expect(await t.vectors.fetch(KEY, ["a"], signal)).toMatchObject([{ attributes: { text: "again" } }]);
    });

    test("a copy has all rows of its source, and is another namespace then", async () => {
      await using t = await opened();
      const copy = { ...KEY, name: "copy" };
      await t.write({ upsert_rows: ROWS });
      await t.write({ copy_from_namespace: "products" }, copy);
      await t.write({ deletes: ["a", "b", "c"] });
      const { rows } = await t.query({ rank_by: ["vector", "kNN", [1, 0]], limit: 1 }, copy);
      expect(rows).toMatchObject([{ id: "a" }]);
    });

    test("attributes may have the names of what every object has", async () => {
      await using t = await opened();
      const row = JSON.parse('{"id": "a", "vector": [1], "constructor": "x", "__proto__": 2}') as unknown;
      await t.write({ upsert_rows: [row, { id: "b", vector: [1] }] });
      expect(await t.ids(["constructor", "Eq", "x"])).toEqual(["a"]);
      expect(await t.ids(["__proto__", "Gte", 2])).toEqual(["a"]);
      expect(await t.ids(["toString", "NotEq", null])).toEqual([]);
      const { rows } = await t.query({ rank_by: ["constructor", "desc"], limit: 2 });
      expect(rows?.map(({ id }) => id)).toEqual(["a", "b"]);
    });

    test("a write that is refused changes nothing", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      const bad = {
        upsert_rows: [
          { id: "d", vector: [1, 0] },
          { id: "e", vector: [1, 0, 0] },
        ],
      };
      expect(await refusal(t.write(bad))).toBe(
        'validation_error: the vector of "e" has 3 dimensions, and the namespace\'s have 2',
      );
      expect(await refusal(t.write({ upsert_rows: [{ id: 1, vector: [1, 0] }] }))).toMatch(
        /^validation_error: the id 1 is a number/,
      );
      expect(await refusal(t.write({ patch_rows: [{ id: "a", size: "large" }] }))).toMatch(
        /^validation_error: the attribute size is of type int/,
      );
      expect(await refusal(t.write({ upsert_rows: [], distance_metric: "euclidean_squared" }))).toMatch(
        /^validation_error: the namespace's distance metric is cosine_distance/,
      );
      expect(await t.ids(["And", []])).toEqual(["a", "b", "c"]);
    });
  });

  describe("queries", () => {
    test("rank by distance, nearest first, and say it", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      const { rows } = await t.query({
        rank_by: ["vector", "ANN", [2, 0]],
        limit: 2,
        include_attributes: ["color"],
      });
      expect(rows).toEqual([
        { id: "a", attributes: { color: "red" }, distance: expect.closeTo(0, 6) as number },
        { id: "c", attributes: { color: "red" }, distance: expect.closeTo(0.4, 6) as number },
      ]);
    });

    test("by squared distance where the namespace was made so", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS, distance_metric: "euclidean_squared" });
      const { rows } = await t.query({ rank_by: ["vector", "kNN", [0, 2]], limit: 3 });
      expect(rows?.map(({ id, distance }) => [id, Number(distance?.toFixed(4))])).toEqual([
        ["b", 1],
        ["c", 1.8],
        ["a", 5],
      ]);
    });

    test("see every write that was answered, also those that change or delete what they have seen", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      const first = async (): Promise<unknown> =>
        (await t.query({ rank_by: ["vector", "ANN", [1, 0]], limit: 1 })).rows?.[0]?.id;
      expect(await first()).toBe("a");
      await t.write({ upsert_rows: [{ id: "a", vector: [-1, 0] }] });
      expect(await first()).toBe("c");
      await t.write({ deletes: ["c"] });
      expect(await first()).toBe("b");
      await t.write({ upsert_rows: [{ id: "d", vector: [1, 0.1] }] });
      expect(await first()).toBe("d");
    });

    test("with filters, of every kind", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      expect(await t.ids(["tags", "Contains", "y"])).toEqual(["a", "c"]);
      expect(await t.ids(["color", "Regex", "^b"])).toEqual(["b"]);
      expect(await t.ids(["Not", ["tags", "Eq", null]])).toEqual(["a", "c"]);
      const query = { rank_by: ["vector", "ANN", [1, 0]], limit: 5, filters: ["color", "IGlob", "BL*"] };
      expect((await t.query(query)).rows?.map(({ id }) => id)).toEqual(["b"]);
    });

    test("several vectors a row are compared as late interaction does", async () => {
      await using t = await opened();
      await t.write({
        upsert_rows: [
          {
            id: "a",
            vector: [
              [1, 0],
              [0, 1],
            ],
          },
          {
            id: "b",
            vector: [
              [1, 0],
              [1, 0],
            ],
          },
        ],
      });
      const { rows } = await t.query({
        rank_by: [
          "vector",
          "kNN",
          [
            [1, 0],
            [0, 1],
          ],
        ],
        limit: 2,
      });
      expect(rows?.map(({ id, distance }) => [id, Number(distance?.toFixed(4))])).toEqual([
        ["a", 0],
        ["b", 1],
      ]);
    });

    test("order by attributes, those that lack one last", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: [...ROWS, { id: "d", vector: [1, 1] }] });
      const order = async (rank: unknown): Promise<unknown> =>
        (await t.query({ rank_by: rank, limit: 10 })).rows?.map(({ id }) => id);
      expect(await order(["size", "desc"])).toEqual(["c", "b", "a", "d"]);
      expect(
        await order([
          ["color", "asc"],
          ["size", "desc"],
        ]),
      ).toEqual(["b", "c", "a", "d"]);
      expect(await order(["id", "desc"])).toEqual(["d", "c", "b", "a"]);
    });

    test("aggregate what a filter holds, in groups", async () => {
      await using t = await opened();
      await t.write({ upsert_rows: ROWS });
      const aggregates = { n: ["Count"], total: ["Sum", "size"] };
      expect(await t.query({ aggregate_by: aggregates, filters: ["color", "Eq", "red"] })).toEqual({
        aggregations: { n: 2, total: 4 },
      });
      expect(await t.query({ aggregate_by: { n: ["Count"] } })).toEqual({ aggregations: { n: 3 } });
      const { groups } = await t.query({ aggregate_by: aggregates, group_by: ["color"] });
      expect(groups?.toSorted((a, b) => Number(a["n"]) - Number(b["n"]))).toEqual([
        { color: "blue", n: 1, total: 2 },
        { color: "red", n: 2, total: 4 },
      ]);
    });

    test("what cannot be asked is refused, with the reason", async () => {
      await using t = await opened();
      expect(await refusal(t.query({ rank_by: ["vector", "ANN", [1, 0]] }))).toBe(
        "not_found: there is no namespace products",
      );
      await t.write({ upsert_rows: ROWS });
      expect(await refusal(t.query({ rank_by: ["vector", "ANN", [1, 0, 0]] }))).toBe(
        "validation_error: the query's vector has 3 dimensions, and the namespace's have 2",
      );
      expect(await refusal(t.query({ rank_by: ["id", "asc"], filters: ["color", "Regex", "("] }))).toMatch(
        /^validation_error: the filter has a pattern that cannot be read/,
      );
    });
  });

  describe("scans and lists", () => {
    test("a scan goes through all rows a filter holds, page by page", async () => {
      await using t = await opened();
      const rows = Array.from({ length: 25 }, (_, i) => ({ id: i, vector: [i, 1], even: i % 2 === 0 }));
      await t.write({ upsert_rows: rows });
      const seen: unknown[] = [];
      let after: string | undefined;
      do {
        const options = { filter: readFilter(["even", "Eq", true]), after, limit: 4 };
        const page = await t.vectors.scan(KEY, options, signal);
        seen.push(...page.rows.map(({ id }) => id));
        after = page.next;
      } while (after !== undefined);
      expect(seen).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24]);
    });

    test("namespaces are listed by name and prefix, each organisation its own", async () => {
      await using t = await opened();
      for (const name of ["p-2", "p-1", "q"]) await t.write({ upsert_rows: ROWS }, { ...KEY, name });
      await t.write({ upsert_rows: ROWS }, { org: "other", name: "p-9" });
      const first = await t.vectors.list("acme", { prefix: "p-", limit: 1 }, signal);
      expect(first.namespaces.map(({ name }) => name)).toEqual(["p-1"]);
      const { nextCursor: cursor } = first;
      const second = await t.vectors.list("acme", { prefix: "p-", cursor, limit: 5 }, signal);
      expect(second).toMatchObject({ namespaces: [{ name: "p-2" }] });
      expect(second.nextCursor).toBeUndefined();
    });

    test("a namespace that is removed is gone, and another organisation's of that name is not", async () => {
      await using t = await opened();
      const others = { ...KEY, org: "other" };
      await t.write({ upsert_rows: ROWS });
      await t.write({ upsert_rows: ROWS.slice(0, 1) }, others);
      expect(await t.vectors.remove(KEY, signal)).toBe(true);
      expect(await t.vectors.remove(KEY, signal)).toBe(false);
      expect(await t.vectors.metadata(KEY, signal)).toBeUndefined();
      expect(await t.vectors.metadata(others, signal)).toMatchObject({ rowCount: 1 });
      await t.write({ upsert_rows: [{ id: 7, vector: [1] }] });
      expect(await t.ids(["And", []])).toEqual([7]);
    });
  });
}
