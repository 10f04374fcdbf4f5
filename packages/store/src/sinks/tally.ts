import type { InvocationRecord } from "@hanzo-fn/contract";
import { DURATION_BUCKETS_MS, type Figures } from "../queries/figures.ts";
import type { FiguresRow } from "../schema.ts";

const MINUTE_MS = 60_000;

/** Calls summed up per function, revision, trigger and minute. */
export interface Tally {
  /** False where it is full and the call would need a new row. */
  add(record: InvocationRecord): boolean;
  /** Everything counted so far; counting starts anew. */
  take(): readonly Figures[];
  /** Counted since the last `take`. */
  readonly calls: number;
}

export function createTally(maxRows: number): Tally {
  let rows = new Map<string, FiguresRow>();
  let calls = 0;
  return {
    add(record) {
      const minuteMs = Math.floor(record.endedAtMs / MINUTE_MS) * MINUTE_MS;
      const key = `${record.org}/${record.function}/${record.revision}/${record.trigger}/${minuteMs}`;
      let row = rows.get(key);
      if (!row) {
        if (rows.size >= maxRows) return false;
        row = emptyRow(record, minuteMs);
        rows.set(key, row);
      }
      count(row, record);
      calls += 1;
      return true;
    },
    take() {
      const taken = [...rows.values()];
      rows = new Map();
      calls = 0;
      return taken;
    },
    get calls() {
      return calls;
    },
  };
}

function emptyRow(record: InvocationRecord, minuteMs: number): FiguresRow {
  return {
    org: record.org,
    function: record.function,
    revision: record.revision,
    trigger: record.trigger,
    minute: new Date(minuteMs),
    invocations: 0,
    errors: 0,
    timeouts: 0,
    coldStarts: 0,
    durationMsSum: 0,
    durationBuckets: Array.from({ length: DURATION_BUCKETS_MS.length + 1 }, () => 0),
    coldMsSum: 0,
  };
}

function count(row: FiguresRow, record: InvocationRecord): void {
  row.invocations += 1;
  if (record.status === "error") row.errors += 1;
  if (record.status === "timeout") row.timeouts += 1;
  if (record.coldStartMs !== undefined) {
    row.coldStarts += 1;
    row.coldMsSum += record.coldStartMs;
  }
  row.durationMsSum += record.durationMs;
  const bucket = bucketOf(record.durationMs);
  row.durationBuckets[bucket] = (row.durationBuckets[bucket] ?? 0) + 1;
}

/** Index of the first bucket whose upper bound is not below `ms`. */
export function bucketOf(ms: number): number {
  const index = DURATION_BUCKETS_MS.findIndex((bound) => ms <= bound);
  return index < 0 ? DURATION_BUCKETS_MS.length : index;
}
