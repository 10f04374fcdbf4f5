import type { StreamPosition } from "@hanzo-fn/store";

/** First offsets by partition. */
export type Starts = ReadonlyMap<number, number>;

/** Of a topic that was not there: everything of it is new. */
export const FROM_THE_BEGINNING: Starts = new Map([[0, 0]]);

/**
 * Whether a trigger is to see a record: those from its start on, and all of partitions that came after it.
 * @param ends of the log when they were read last: a start beyond them belongs to a topic that was deleted
 */
export function isWanted(
  starts: Starts | undefined,
  ends: Starts,
  partition: number,
  offset: number,
): boolean {
  const start = starts?.get(partition);
  return start === undefined || offset >= start || start > (ends.get(partition) ?? 0);
}

/**
 * Where the group begins that has no positions: where it was, as far as that is known, and not before what any trigger
 * is to see.
 * @param starts of all triggers
 */
export function groupStart(ends: Starts, kept: Starts, starts: readonly Starts[]): readonly StreamPosition[] {
  return [...ends].map(([partition, end]) => {
    const wanted = Math.min(...starts.map((one) => one.get(partition) ?? 0));
    const nextOffset = Math.max(kept.get(partition) ?? 0, Number.isFinite(wanted) ? wanted : end);
    // The log begins anew.
    return { partition, nextOffset: nextOffset > end ? 0 : nextOffset };
  });
}
