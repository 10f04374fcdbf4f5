import type { Ordering } from "./settings.ts";
import type { SourceEvent } from "./source.ts";

/** The order that an event is in: of two events of one lane the later one waits for the earlier one. */
export interface LaneChoice {
  /** Undefined: it waits for nobody, and nobody for it. */
  readonly lane: string | undefined;
  /** Only events of one group share a batch. */
  readonly group: string;
}

/**
 * Partition order keeps the batches of partitions apart, so that a slow one holds up no other. In key order a batch
 * mixes keys; an event without a key has no order.
 */
export function chooseLane(ordering: Ordering, event: Pick<SourceEvent, "partition" | "key">): LaneChoice {
  if (ordering === "partition") return { lane: event.partition, group: event.partition };
  if (ordering === "none" || event.key === undefined) return { lane: undefined, group: "" };
  return { lane: `${event.partition}\n${event.key}`, group: "" };
}
