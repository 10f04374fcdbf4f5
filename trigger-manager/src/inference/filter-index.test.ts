import { TRIGGER_KINDS, type InferenceTrigger } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { createFilterIndex, type FilteredTrigger } from "./filter-index.ts";
import { readUsageEvent, type UsageEvent } from "./usage-event.ts";

function record(data: Record<string, unknown> = {}, envelope: Record<string, unknown> = {}): Buffer {
  const usage = { request_id: "req_1", model: "zen-7b", total_tokens: 380, latency_ms: 1250, ...data };
  return Buffer.from(
    JSON.stringify({
      schema: "hanzo.stream.v1",
      id: "evt_1",
      type: "llm.usage.completed",
      org_id: "org_hanzo",
      team_id: "team_a",
      ...envelope,
      data: usage,
    }),
  );
}

function event(...given: Parameters<typeof record>): UsageEvent {
  const read = readUsageEvent(record(...given));
  if (read === undefined) throw new Error("it is no event");
  return read;
}

function trigger(
  id: string,
  fields: Record<string, unknown> = {},
  over: Partial<FilteredTrigger> = {},
): FilteredTrigger {
  const kind = TRIGGER_KINDS.inference;
  const read = kind.read(kind.schema().parse({ type: "inference", ...fields })) as InferenceTrigger;
  return { id, org: "hanzo", allOrgs: false, trigger: read, ...over };
}

const wants = (fields: Record<string, unknown>, of: UsageEvent): boolean =>
  createFilterIndex([trigger("t", fields)]).match(of).length === 1;

describe("a record of llm_usage", () => {
  it.each([
    ["no JSON", "{"],
    ["no object", "[]"],
    ["no data", "{}"],
    ["data that is none", '{"data":[1]}'],
  ])("is refused where it is %s", (_, text) => {
    expect(readUsageEvent(Buffer.from(text))).toBeUndefined();
  });

  it.each([
    [{}, {}, "completed"],
    [{}, { type: "llm.usage.failed" }, "failed"],
    [{ status: "rate_limited" }, {}, "failed"],
    [{ status: "success" }, { type: "llm.usage.failed" }, "completed"],
    [{ status: "new word" }, {}, "completed"],
    [{}, { type: 5 }, undefined],
  ])("with %j in %j ended as %s", (data, envelope, outcome) => {
    expect(event(data, envelope).fields.get("event_type")).toBe(outcome);
  });

  it("adds its tokens up where the sum is not given, and drops what has the wrong type", () => {
    const { fields } = event({
      total_tokens: undefined,
      prompt_tokens: 150,
      completion_tokens: 230,
      latency_ms: "long",
    });
    expect([fields.get("total_tokens"), fields.has("latency_ms")]).toEqual([380, false]);
  });
});

describe("an inference trigger", () => {
  it.each([
    [{}, true],
    [{ models: ["zen-7b", "zen-14b"] }, true],
    [{ models: ["zen-14b"] }, false],
    [{ models: ["zen-7b", "zen-7b"] }, true],
    [{ event_types: ["failed"] }, false],
    [{ min_tokens: 380 }, true],
    [{ min_tokens: 381 }, false],
    [{ models: ["zen-7b"], event_types: ["completed", "failed"], min_tokens: 100 }, true],
    [{ filter: { model: { prefix: "zen-" }, total_tokens: { gt: 379, lte: 380 } } }, true],
    [{ filter: { total_tokens: { gt: 380 } } }, false],
    [{ filter: { total_tokens: { gte: 100, lt: 380 } } }, false],
    [{ filter: { or: [{ model: "x" }, { latency_ms: { in: [1250, 1] } }] } }, true],
    [{ filter: { not: { team_id: "team_a" } } }, false],
    [{ filter: { cost_usd: { lt: 1 } } }, false],
    [{ filter: { not: { cost_usd: { lt: 1 } } } }, true],
    [{ filter: { cost_usd: { exists: false } } }, true],
    [{ filter: { cost_usd: { exists: false, lt: 1 } } }, false],
    [{ filter: { latency_ms: { exists: true, gte: 1000 } } }, true],
    [{ models: ["zen-7b"], filter: { org_id: "org_hanzo" } }, true],
  ])("with %j wants the event: %s", (fields, wanted) => {
    expect(wants(fields, event())).toBe(wanted);
  });

  it("sees its own organisation's events only, whichever way they name it", () => {
    const index = createFilterIndex([
      trigger("ours"),
      trigger("theirs", {}, { org: "acme" }),
      trigger("prefixed", {}, { org: "org_hanzo" }),
      trigger("all", {}, { allOrgs: true }),
    ]);
    expect(index.match(event())).toEqual(["ours", "prefixed", "all"]);
    expect(index.match(event({}, { org_id: "acme" }))).toEqual(["theirs", "all"]);
    expect(index.match(event({}, { org_id: undefined }))).toEqual(["all"]);
    expect(index.match(event({}, { org_id: 5 }))).toEqual(["all"]);
  });

  it("is found among thousands of others, by its model or without one", () => {
    const others = Array.from({ length: 5000 }, (_, i) => trigger(`t${i}`, { models: [`m${i}`] }));
    const index = createFilterIndex([...others, trigger("any"), trigger("few", { min_tokens: 1000 })]);
    expect(index.match(event({ model: "m4711" }))).toEqual(["t4711", "any"]);
    expect(index.match(event({ model: undefined }))).toEqual(["any"]);
  });

  it("keeps its identity while its filter is the same, however it is written", () => {
    const key = (filter: unknown): string =>
      TRIGGER_KINDS.inference.sourceKey(trigger("t", { filter }).trigger, "f");
    expect(key({ model: "m" })).toBe(key({ model: { eq: "m" } }));
    expect(key({ model: "m" })).not.toBe(key({ model: "n" }));
  });
});
