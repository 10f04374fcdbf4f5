import type { FiguresJson, MetricsJson } from "@hanzo-fn/contract/api";
import { DURATION_BUCKETS_MS, type FiguresRow } from "@hanzo-fn/store";

/** The `q` quantile of a histogram in milliseconds, interpolated inside its bucket; 0 where it is empty. */
export function quantile(buckets: readonly number[], q: number): number {
  const total = buckets.reduce((sum, count) => sum + count, 0);
  if (total === 0) return 0;
  const rank = q * total;
  let below = 0;
  for (const [i, count] of buckets.entries()) {
    if (count > 0 && below + count >= rank) {
      const low = i === 0 ? 0 : (DURATION_BUCKETS_MS[i - 1] as number);
      const high = DURATION_BUCKETS_MS[i] ?? low;
      return low + ((rank - below) / count) * (high - low);
    }
    below += count;
  }
  return DURATION_BUCKETS_MS.at(-1) as number;
}

function addBuckets(rows: readonly FiguresRow[]): number[] {
  const sum = new Array<number>(DURATION_BUCKETS_MS.length + 1).fill(0);
  for (const row of rows)
    for (const [i, count] of row.durationBuckets.entries()) sum[i] = (sum[i] ?? 0) + count;
  return sum;
}

function total(
  rows: readonly FiguresRow[],
  field: "invocations" | "errors" | "timeouts" | "coldStarts" | "durationMsSum" | "coldMsSum",
): number {
  return rows.reduce((sum, row) => sum + row[field], 0);
}

/** @param memoryBytesOf memory of a revision by name, for GB-seconds (wall time of the calls x memory). */
export function summarise(
  rows: readonly FiguresRow[],
  memoryBytesOf: (revision: string) => number,
): FiguresJson {
  const invocations = total(rows, "invocations");
  const coldStarts = total(rows, "coldStarts");
  const buckets = addBuckets(rows);
  return {
    invocations,
    errors: total(rows, "errors"),
    timeouts: total(rows, "timeouts"),
    cold_starts: coldStarts,
    latency_ms: {
      avg: invocations === 0 ? 0 : total(rows, "durationMsSum") / invocations,
      p50: quantile(buckets, 0.5),
      p95: quantile(buckets, 0.95),
      p99: quantile(buckets, 0.99),
    },
    cold_start_ms_avg: coldStarts === 0 ? 0 : total(rows, "coldMsSum") / coldStarts,
    gb_seconds: rows.reduce(
      (sum, row) => sum + (row.durationMsSum / 1000) * (memoryBytesOf(row.revision) / 1e9),
      0,
    ),
  };
}

export function metricsJson(
  functionName: string,
  window: { readonly since: Date; readonly until: Date },
  rows: readonly FiguresRow[],
  memoryBytesOf: (revision: string) => number,
): MetricsJson {
  const byRevision = Map.groupBy(rows, (row) => row.revision);
  const byMinute = Map.groupBy(rows, (row) => row.minute.toISOString());
  return {
    function: functionName,
    since: window.since.toISOString(),
    until: window.until.toISOString(),
    ...summarise(rows, memoryBytesOf),
    revisions: Array.from(byRevision, ([revision, own]) => ({
      revision,
      ...summarise(own, memoryBytesOf),
    })).toSorted((a, b) => (a.revision < b.revision ? 1 : -1)),
    series: Array.from(byMinute, ([minute, own]) => ({
      minute,
      invocations: total(own, "invocations"),
      errors: total(own, "errors"),
      timeouts: total(own, "timeouts"),
      cold_starts: total(own, "coldStarts"),
    })),
  };
}
