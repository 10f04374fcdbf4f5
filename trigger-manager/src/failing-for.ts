import type { LeaseRow } from "@hanzo-fn/store";

/** Milliseconds from a row's first delivery that did not succeed to its latest claim, by the database's clock. */
export function failingForMs({
  firstFailedAt,
  startedAt,
}: Pick<LeaseRow, "firstFailedAt" | "startedAt">): number {
  return firstFailedAt === null || startedAt === null ? 0 : startedAt.getTime() - firstFailedAt.getTime();
}
