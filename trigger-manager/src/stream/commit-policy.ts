/** How often positions are committed: what is done beyond the last commit is what a crash repeats. */
export interface CommitPolicy {
  readonly everyMs: number;
  readonly everyRecords: number;
}

export const COMMIT_POLICY: CommitPolicy = { everyMs: 1000, everyRecords: 500 };

export interface Uncommitted {
  /** Records that are done without a gap beyond what was committed, over all partitions. */
  readonly records: number;
  /** Since when there have been some, or since the last try; monotonic milliseconds. */
  readonly sinceMs: number;
}

/** When the next commit is due; undefined where there is nothing to commit. May lie in the past. */
export function commitDueAt({ records, sinceMs }: Uncommitted, policy: CommitPolicy): number | undefined {
  if (records === 0) return undefined;
  return records >= policy.everyRecords ? sinceMs : sinceMs + policy.everyMs;
}
