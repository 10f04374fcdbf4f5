import { describe, expect, it } from "vitest";
import { readBatchOutcome, type BatchOutcome } from "./batch-outcome.ts";
import vectors from "./batch-outcome.vectors.json" with { type: "json" };

/** The outcome as the vectors write it. */
function short(outcome: BatchOutcome): unknown {
  if (outcome.status !== "partial") return outcome.status;
  return Object.fromEntries(
    [...outcome.items].map(([id, item]) => [id, item.status === "succeeded" ? "ok" : item.kind]),
  );
}

describe("readBatchOutcome", () => {
  it.each(vectors.cases)("$name", ({ status, partial, body, outcome }) => {
    expect(short(readBatchOutcome(status, body, vectors.ids, { partial }))).toEqual(outcome);
    expect(short(readBatchOutcome(status, Buffer.from(body), vectors.ids, { partial }))).toEqual(outcome);
  });

  it("gives outputs and messages, in the order of the ids", () => {
    const body = JSON.stringify({
      results: [
        { id: "b", error: { kind: "permanent", message: "no" } },
        { id: "a", output: { n: 1 } },
      ],
    });
    const outcome = readBatchOutcome(200, body, ["a", "b"], { partial: true });
    expect(outcome.status === "partial" && [...outcome.items]).toEqual([
      ["a", { status: "succeeded", output: { n: 1 } }],
      ["b", { status: "failed", kind: "permanent", message: "no" }],
    ]);
  });

  it("says why a batch failed as a whole", () => {
    expect(readBatchOutcome(500, "", ["a"], { partial: true })).toEqual({
      status: "failed",
      reason: "the function answered 500",
    });
    expect(readBatchOutcome(200, '{"results":[{"id":"z"}]}', ["a"], { partial: true })).toEqual({
      status: "failed",
      reason: '"z" is no id of the batch',
    });
  });

  it("refuses bytes that are no UTF-8", () => {
    const body = new Uint8Array([0x22, 0xff, 0x22]);
    expect(readBatchOutcome(200, body, ["a"], { partial: true }).status).toBe("failed");
  });
});
