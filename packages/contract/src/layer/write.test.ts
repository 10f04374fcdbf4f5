import { describe, expect, it } from "vitest";
import type { PlatformError } from "../errors.ts";
import { readQuery } from "./query.ts";
import { readWrite } from "./write.ts";

function refusal(read: () => unknown): string {
  try {
    read();
    return "";
  } catch (error) {
    expect((error as PlatformError).code).toBe("validation_error");
    return (error as PlatformError).message;
  }
}

const row = (more: object): object => ({ upsert_rows: [{ id: "a", vector: [1], ...more }] });

describe("readWrite", () => {
  it("takes rows and columns, and vectors as numbers or as base64", () => {
    const bytes = Buffer.from(new Float32Array([0.5, -1]).buffer).toString("base64");
    const { upserts } = readWrite({
      upsert_rows: [{ id: 1, vector: bytes, a: "x", b: null }],
      upsert_columns: { id: [2, 3], vector: [[1, 2], null], c: [true, [1, 2]] },
    });
    expect(upserts).toEqual([
      { id: 1, vectors: [new Float32Array([0.5, -1])], attributes: { a: "x", b: null } },
      { id: 2, vectors: [new Float32Array([1, 2])], attributes: { c: true } },
      { id: 3, attributes: { c: [1, 2] } },
    ]);
  });

  it("puts what the new row has into a condition", () => {
    const condition = [
      "Or",
      [
        ["_gen", "Lte", { $ref_new: "_gen" }],
        ["_gen", "Eq", null],
      ],
    ];
    const { upsertCondition } = readWrite({ upsert_condition: condition });
    expect(upsertCondition?.of({ id: "a", attributes: { _gen: 4 } })).toEqual({
      any: [
        { attribute: "_gen", is: { op: "Lte", value: 4 } },
        { attribute: "_gen", is: { op: "Eq", value: null } },
      ],
    });
    // A row that lacks it is ordered with nothing.
    expect(upsertCondition?.of({ id: "a", attributes: {} })).toMatchObject({ any: [{ any: [] }, {}] });
  });

  it.each<[string, unknown, string]>([
    ["no map", [], "the body must be a write"],
    ["a row without id", { upsert_rows: [{ vector: [1] }] }, "upsert_rows[0].id must be a string"],
    ["an empty id", { deletes: [""] }, "deletes[0] must have 1 to 64 bytes; this has 0"],
    ["an id of 65 bytes", { deletes: ["é".repeat(33)] }, "deletes[0] must have 1 to 64 bytes; this has 66"],
    [
      "an id that no number holds",
      { deletes: [2 ** 53] },
      "deletes[0] must be a whole number from 0 to 2^53 - 1",
    ],
    ["an id twice", { upsert_rows: [{ id: 1 }, { id: 1 }] }, "upsert names the id 1 twice"],
    ["NaN as JSON has it", row({ vector: [null] }), "upsert_rows[0].vector[0] must be a finite number"],
    [
      "NaN in base64",
      row({ vector: Buffer.from(new Float32Array([NaN]).buffer).toString("base64") }),
      "vector[0] must be a finite",
    ],
    [
      "more than 32 bits hold",
      row({ vector: [1e39] }),
      "vector[0] must be a finite number that 32 bits hold",
    ],
    ["no vector", row({ vector: [] }), "must have 1 to 10752 dimensions; this has 0"],
    ["vectors of two lengths", row({ vector: [[1], [1, 2]] }), "vector[1] must have as many dimensions"],
    ["an object", row({ a: {} }), "upsert_rows[0].a must be null, a string"],
    [
      "a list of two types",
      row({ a: [1, "x"] }),
      "upsert_rows[0].a[1] must be of the type of those before it",
    ],
    ["a reserved name", row({ _hevlayer_x: 1 }), "_hevlayer_x is a name that the platform keeps for itself"],
    [
      "columns of two lengths",
      { upsert_columns: { id: [1, 2], a: [1] } },
      "upsert_columns.a must be a list of 2",
    ],
    ["an unknown metric", { distance_metric: "dot" }, "distance_metric must be one of cosine_distance"],
    ["an unknown type", { schema: { a: "text" } }, "schema.a must be a type"],
    [
      "a condition that cannot be read",
      { upsert_condition: ["a", "Near", { $ref_new: "a" }] },
      "the filter knows",
    ],
  ])("refuses %s", (_, body, rule) => {
    expect(refusal(() => readWrite(body))).toContain(rule);
  });
});

describe("readQuery", () => {
  it("takes hevlayer's short form of a query by vector", () => {
    expect(readQuery({ vector: [1, 2], top_k: 3, include_attributes: true })).toMatchObject({
      ranking: { by: "vector", vectors: [new Float32Array([1, 2])] },
      limit: 3,
      include: { allBut: [] },
    });
  });

  it.each<[string, unknown, string]>([
    ["nothing to do", {}, "rank_by is needed where there is no aggregate_by"],
    ["an unknown ranking", { rank_by: ["text", "BM25", "x"] }, "rank_by must be"],
    ["another vector attribute", { rank_by: ["v", "ANN", [1]] }, "rank_by[0] must be `vector`"],
    ["no limit", { rank_by: ["id", "asc"], limit: 0 }, "limit must be a whole number from 1 to 10000"],
    ["an unknown aggregate", { aggregate_by: { n: ["Median", "a"] } }, "aggregate_by.n must be"],
    ["what is not served", { rank_by: ["id", "asc"], as_of: 1 }, "as_of is not served here"],
  ])("refuses %s", (_, body, rule) => {
    expect(refusal(() => readQuery(body))).toContain(rule);
  });
});
