import { expect, it } from "vitest";
import { createIds, isRequestId } from "./ids.ts";
import { formatTraceparent, traceContext } from "./trace-context.ts";

const ids = createIds();
const PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

it("makes request ids that are ULIDs, sort by time and never repeat", () => {
  const made = Array.from({ length: 5000 }, () => ids.requestId(1_700_000_000_000));
  expect(new Set(made).size).toBe(5000);
  expect(made.every((id) => /^req_[0-9A-HJKMNP-TV-Z]{26}$/.test(id) && isRequestId(id))).toBe(true);
  expect(ids.requestId(1_700_000_000_001) > (made[0] ?? "")).toBe(true);
});

it("keeps only request ids that are harmless", () => {
  expect(isRequestId("req_01.a-B")).toBe(true);
  for (const bad of ["", "a b", "a\r\nb", "é", "a".repeat(129), "$(x)"]) expect(isRequestId(bad)).toBe(false);
});

it("continues a trace with the caller's decision and a span of its own", () => {
  const trace = traceContext(ids, PARENT, 0);
  expect(trace).toMatchObject({
    traceId: "4bf92f3577b34da6a3ce929d0e0e4736",
    parentId: "00f067aa0ba902b7",
    sampled: true,
  });
  expect(trace.spanId).not.toBe(trace.parentId);
  expect(formatTraceparent(trace)).toMatch(/^00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01$/);
});

it.each([
  undefined,
  "",
  "nonsense",
  `${PARENT}-more`,
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
  "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  PARENT.toUpperCase(),
])("begins a trace instead of continuing %s", (traceparent) => {
  const trace = traceContext(ids, traceparent, 1);
  expect(trace.parentId).toBe("");
  expect(trace.traceId).toMatch(/^[0-9a-f]{32}$/);
  expect(trace.sampled).toBe(true);
  expect(traceContext(ids, traceparent, 0).sampled).toBe(false);
});

it("samples about the share it is told", () => {
  let sampled = 0;
  for (let i = 0; i < 20_000; i++) if (traceContext(ids, undefined, 0.1).sampled) sampled++;
  expect(sampled).toBeGreaterThan(1700);
  expect(sampled).toBeLessThan(2300);
});
