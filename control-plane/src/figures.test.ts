import { DURATION_BUCKETS_MS, type FiguresRow } from "@hanzo-fn/store";
import { expect, test } from "vitest";
import { metricsJson, quantile, summarise } from "./figures.ts";

function row(values: Partial<FiguresRow>): FiguresRow {
  return {
    org: "acme",
    function: "f",
    revision: "f-00001",
    trigger: "http",
    minute: new Date(0),
    invocations: 0,
    errors: 0,
    timeouts: 0,
    coldStarts: 0,
    durationMsSum: 0,
    durationBuckets: new Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0),
    coldMsSum: 0,
    ...values,
  };
}

function buckets(...counts: number[]): number[] {
  return [...counts, ...new Array<number>(DURATION_BUCKETS_MS.length + 1 - counts.length).fill(0)];
}

test("a quantile is interpolated inside its bucket", () => {
  expect(quantile(buckets(0, 10), 0.5)).toBe(7.5);
  expect(quantile(buckets(), 0.5)).toBe(0);
});

test("calls above the last bound count as that bound", () => {
  const above = new Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0);
  above[DURATION_BUCKETS_MS.length] = 3;
  expect(quantile(above, 0.99)).toBe(900_000);
});

test("GB-seconds are wall time x memory of the revision that ran", () => {
  const rows = [row({ durationMsSum: 2000 }), row({ revision: "f-00002", durationMsSum: 1000 })];
  expect(summarise(rows, (name) => (name === "f-00001" ? 1e9 : 4e9)).gb_seconds).toBe(6);
});

test("figures are summed by revision and by minute", () => {
  const rows = [
    row({ invocations: 2, errors: 1, durationBuckets: buckets(2) }),
    row({ invocations: 3, revision: "f-00002", minute: new Date(60_000), coldStarts: 1, coldMsSum: 20 }),
  ];
  const json = metricsJson("f", { since: new Date(0), until: new Date(120_000) }, rows, () => 1e9);
  expect(json).toMatchObject({ invocations: 5, errors: 1, cold_starts: 1, cold_start_ms_avg: 20 });
  expect(json.revisions.map((one) => [one.revision, one.invocations])).toEqual([
    ["f-00002", 3],
    ["f-00001", 2],
  ]);
  expect(json.series.map((one) => one.invocations)).toEqual([2, 3]);
});
