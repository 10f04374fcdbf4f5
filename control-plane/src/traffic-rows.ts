import type { RevisionRow } from "@hanzo-fn/store";
import type { TrafficRevision } from "./traffic.ts";

export function trafficRevision(row: RevisionRow): TrafficRevision {
  return {
    number: row.number,
    state: row.state,
    percent: row.percent,
    lastTrafficAtMs: row.lastTrafficAt?.getTime(),
    failure: row.failure ?? undefined,
  };
}
