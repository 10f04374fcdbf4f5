import type { Evidence } from "./invariants.ts";

/** Of a run in which nothing happened. */
export const NO_EVIDENCE: Evidence = {
  executions: [],
  revoked: [],
  faults: [],
  accepted: { cron: new Set(), mq: new Set(), stream: new Set(), tasks: new Set() },
  parked: [],
  wrongRecords: [],
  published: [],
  readings: [],
  forMs: 10_000,
};
