import { describe, expect, it } from "vitest";
import { type EventFilter, printEventFilter, readEventFilter } from "./event-filter.ts";

const rule = (value: unknown): string => {
  const result = readEventFilter(value);
  return "refused" in result ? result.rule : "it was read";
};
const nested = (depth: number): unknown => (depth === 0 ? { model: "m" } : { not: nested(depth - 1) });

describe("an event filter", () => {
  it("reads short forms as whole ones", () => {
    expect(readEventFilter({ model: "zen-7b" })).toEqual({ field: "model", is: { eq: "zen-7b" } });
    expect(readEventFilter({ model: { prefix: "zen-" }, total_tokens: { gte: 1000, lt: 5000 } })).toEqual({
      and: [
        { field: "model", is: { prefix: "zen-" } },
        { field: "total_tokens", is: { gte: 1000, lt: 5000 } },
      ],
    });
  });

  it.each([
    [{ model: "m" }],
    [{ and: [{ stream: true }, { or: [{ cost_usd: { gt: 0.5 } }, { not: { cache_hit: true } }] }] }],
    [{ status: { in: ["error", "timeout"] }, user_id: { exists: false } }],
  ])("reads what it prints of %j", (value) => {
    const filter = readEventFilter(value) as EventFilter;
    expect(readEventFilter(printEventFilter(filter))).toEqual(filter);
  });

  it.each([
    [5, "must be a map of fields, or of `and`, `or` and `not`"],
    [{}, "must not be empty"],
    [{ and: [] }, "must be a list with at least 1 entry (at and)"],
    [{ or: [{ model: "m" }, "x"] }, "must be a map of fields, or of `and`, `or` and `not` (at or[1])"],
    [{ not: [{ model: "m" }] }, "must be a map of fields, or of `and`, `or` and `not` (at not)"],
    [{ model: 5 }, "must be text (at model)"],
    [{ model: { gte: 5 } }, "must be one of eq, in, prefix, exists (at model.gte)"],
    [{ model: {} }, "needs one of eq, in, prefix, exists (at model)"],
    [{ total_tokens: "many" }, "must be a number (at total_tokens)"],
    [{ total_tokens: { gte: Number.NaN } }, "must be a number (at total_tokens.gte)"],
    [{ cost_usd: { in: [1, "2"] } }, "must be a number (at cost_usd.in[1])"],
    [{ cost_usd: { in: [] } }, "must be a list of 1 to 1000 values (at cost_usd.in)"],
    [{ cache_hit: "yes" }, "must be true or false (at cache_hit)"],
    [{ user_id: { exists: 1 } }, "must be true or false (at user_id.exists)"],
    [nested(7), "it was read"],
    [nested(8), "must be at most 8 levels deep (at not.not.not.not.not.not.not.not)"],
    [{ or: Array.from({ length: 64 }, () => ({ model: "m" })) }, "must have at most 64 conditions"],
  ])("answers to %j: %s", (value, expected) => {
    expect(rule(value)).toBe(expected);
  });

  it("names the fields there are, and the one that was meant", () => {
    expect(readEventFilter({ modle: "m" })).toMatchObject({
      rule: expect.stringContaining("must be one of and, or, not, model"),
      suggestion: expect.stringContaining("model"),
    });
    expect(rule({ __proto__: { model: "m" }, constructor: 1 })).toContain("(at constructor)");
  });
});
