import type { Execution } from "./evidence.ts";
import { placeOf } from "./order-of-records.ts";
import { RISKS } from "./risks.ts";
import type { SourceName } from "./settings.ts";

/** The time in which a fault makes an execution run again: from its begin until it is surely settled. */
export type AtRisk = (execution: Execution) => readonly [fromMs: number, toMs: number];

const endOf = ({ endedAtMs }: Execution): number => endedAtMs ?? Number.POSITIVE_INFINITY;

/** Of a stream nothing is committed while its replica has a record that lies before it: not even what is done. */
function committedBy(lane: readonly Execution[], execution: Execution, settledMs: number): number {
  const { offset } = placeOf(execution.event);
  let toMs = endOf(execution) + settledMs;
  for (const other of lane)
    if (placeOf(other.event).offset < offset && other.beganAtMs <= toMs)
      toMs = Math.max(toMs, endOf(other) + settledMs);
  return toMs;
}

/** @param executions of this source, in the order in which they began */
export function risksOf(source: SourceName, executions: readonly Execution[]): AtRisk {
  const { settledMs } = RISKS[source];
  if (source !== "stream") return (one) => [one.beganAtMs, endOf(one) + settledMs];
  const laneOf = ({ by, event }: Execution): string => {
    const { topic, partition } = placeOf(event);
    return [by, topic, partition].join(" ");
  };
  const toMs = new Map<Execution, number>();
  for (const lane of Map.groupBy(executions, laneOf).values())
    for (const one of lane) toMs.set(one, committedBy(lane, one, settledMs));
  return (one) => [one.beganAtMs, toMs.get(one) ?? endOf(one) + settledMs];
}
