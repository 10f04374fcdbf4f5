import { expect, it } from "vitest";
import { type CallResult, classify } from "./classify.ts";

const IDS = ["a", "b"];
const lax = { on4xx: "retry", partialResponse: false } as const;

function answered(status: number, body = "", notDelivered?: string): CallResult {
  const answer = { status, headers: [], notDelivered, body: Buffer.from(body), truncated: false };
  return { kind: "answered", answer };
}

it.each([200, 202, 204, 299])("a %i succeeds, whatever its body", (status) => {
  expect(classify(answered(status, "<p>"), IDS, lax).kind).toBe("succeeded");
});

it.each([302, 400, 404, 408, 429, 500, 502, 503, 504])("a %i of the function fails and counts", (status) => {
  expect(classify(answered(status), IDS, lax)).toEqual({
    kind: "failed",
    failure: { status, error: `the function answered ${status}` },
    final: false,
  });
});

it("a 4xx is final where the trigger parks them, and nothing else is", () => {
  const park = { ...lax, on4xx: "park" } as const;
  const final = [302, 400, 404, 408, 422, 429, 499, 500].filter((status) => {
    const verdict = classify(answered(status), IDS, park);
    return verdict.kind === "failed" && verdict.final;
  });
  expect(final).toEqual([400, 404, 422, 429, 499]);
});

it.each([
  [429, "rate_limited"],
  [404, "not_found"],
  [502, "upstream_unreachable"],
  [503, "no_capacity"],
  [504, "start_timeout"],
])("a %i marked %s was not delivered, whatever the status", (status, code) => {
  const park = { ...lax, on4xx: "park" } as const;
  expect(classify(answered(status, "", code), IDS, park)).toEqual({
    kind: "not_delivered",
    failure: { status, error: `not delivered: ${code}` },
  });
});

it("a call whose own bytes the platform does not take is refused", () => {
  expect(classify(answered(413, "", "payload_too_large"), IDS, lax).kind).toBe("refused");
});

it("a call that broke off or timed out fails and counts; one that was cut says nothing", () => {
  expect(classify({ kind: "broken", error: "reset" }, IDS, lax)).toEqual({
    kind: "failed",
    failure: { error: "reset" },
    final: false,
  });
  expect(classify({ kind: "cut" }, IDS, lax)).toEqual({ kind: "cut" });
});

it("a partial answer is read only where the trigger says so", () => {
  const body = JSON.stringify({
    results: [
      { id: "a", error: { kind: "permanent", message: "no such user" } },
      { id: "b", error: { kind: "transient" } },
    ],
  });
  expect(classify(answered(200, body), IDS, lax).kind).toBe("succeeded");
  const verdict = classify(answered(200, body), IDS, { ...lax, partialResponse: true });
  expect(verdict.kind === "partial" && [...verdict.failed]).toEqual([
    ["a", { failure: { status: 200, error: "permanent: no such user" }, final: true }],
    ["b", { failure: { status: 200, error: "transient" }, final: false }],
  ]);
});

it("a partial answer that names no failure is a success; one that is malformed or cut short fails", () => {
  const partial = { ...lax, partialResponse: true };
  expect(classify(answered(200, '{"batchItemFailures":[]}'), IDS, partial).kind).toBe("succeeded");
  const all = '{"results":[{"id":"a"},{"id":"b"}]}';
  expect(classify(answered(200, all), IDS, partial).kind).toBe("succeeded");
  expect(classify(answered(200, '{"failures":[]}'), IDS, partial).kind).toBe("failed");
  const long = answered(200, '{"results":[');
  if (long.kind !== "answered") throw new Error("no answer");
  const cut: CallResult = { ...long, answer: { ...long.answer, truncated: true } };
  expect(classify(cut, IDS, partial)).toMatchObject({
    kind: "failed",
    failure: { error: "the answer is too large to be read" },
  });
});
