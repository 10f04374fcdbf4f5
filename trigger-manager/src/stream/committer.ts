import type { Clock } from "@hanzo-fn/lifecycle";
import type { StreamOffset, StreamOffsetQueries } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { commitDueAt, type CommitPolicy } from "./commit-policy.ts";
import type { Member } from "./member.ts";
import type { Tenure } from "./tenure.ts";

export interface CommitterDependencies {
  readonly tenures: ReadonlyMap<number, Tenure>;
  /** Undefined while nothing may be committed: there is no member, or it is about to join anew. */
  readonly member: () => Member | undefined;
  readonly save: StreamOffsetQueries["save"];
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

export interface CommitterSettings {
  readonly triggerId: string;
  readonly topic: string;
  readonly policy: CommitPolicy;
}

/** Tells the group how far its partitions are done, one commit at a time, and the store every now and then. */
export interface Committer {
  /** Something may be due. */
  look(): void;
  /** Commits all that is done now. Never rejects: what was not committed is due again. */
  flush(): Promise<void>;
  /** Keeps the positions in the store, for a group that loses its own. Never rejects. */
  snapshot(): Promise<void>;
}

const SNAPSHOT_EVERY_MS = 30_000;

export function createCommitter(
  deps: CommitterDependencies,
  settings: CommitterSettings,
  signal: AbortSignal,
): Committer {
  const { tenures, clock, log } = deps;
  const { triggerId, topic, policy } = settings;
  let committing: Promise<void> | undefined;
  let alarm: AbortController | undefined;
  /** Since when there is something to commit. */
  let sinceMs: number | undefined;
  /** After a commit that failed nothing is tried before. */
  let notBeforeMs = 0;
  const saved = new Map<number, number>();
  let savedAtMs = clock.monotonic();

  const ahead = (): Tenure[] => [...tenures.values()].filter(({ next, committed }) => next > committed);
  const commitOnce = async (): Promise<void> => {
    const member = deps.member();
    const these = ahead();
    if (member === undefined || these.length === 0) return;
    const positions = new Map(these.map(({ partition, next }) => [partition, next]));
    try {
      await member.commit(positions);
    } catch (error) {
      if (!signal.aborted) log.warn("positions could not be committed", { error, trigger: triggerId });
      notBeforeMs = clock.monotonic() + policy.everyMs;
      return;
    }
    for (const tenure of these) {
      const position = positions.get(tenure.partition) ?? tenure.committed;
      tenure.committed = Math.max(tenure.committed, position);
    }
  };
  const commit = (): Promise<void> =>
    (committing ??= commitOnce().finally(() => {
      committing = undefined;
      sinceMs = undefined;
      look();
    }));
  const snapshot = async (): Promise<void> => {
    savedAtMs = clock.monotonic();
    const changed: StreamOffset[] = [];
    for (const { partition, committed } of tenures.values())
      if (saved.get(partition) !== committed) changed.push({ topic, partition, nextOffset: committed });
    try {
      await deps.save(triggerId, changed);
      for (const { partition, nextOffset } of changed) saved.set(partition, nextOffset);
    } catch (error) {
      log.warn("positions could not be kept in the database", { error, trigger: triggerId });
    }
  };
  const ring = async (afterMs: number): Promise<void> => {
    const mine = new AbortController();
    alarm = mine;
    await clock.sleep(afterMs, AbortSignal.any([mine.signal, signal])).catch(() => {});
    if (alarm === mine) alarm = undefined;
    if (!signal.aborted && !mine.signal.aborted) look();
  };
  function look(): void {
    if (signal.aborted || committing !== undefined || deps.member() === undefined) return;
    let records = 0;
    for (const { next, committed } of tenures.values()) records += next - committed;
    if (records === 0) return;
    const now = clock.monotonic();
    sinceMs ??= now;
    if (now - savedAtMs >= SNAPSHOT_EVERY_MS) void snapshot();
    const dueAt = Math.max(notBeforeMs, commitDueAt({ records, sinceMs }, policy) ?? now);
    if (dueAt <= now) {
      alarm?.abort();
      alarm = undefined;
      void commit();
    } else if (alarm === undefined) void ring(dueAt - now);
  }
  return {
    look,
    async flush() {
      await committing;
      await commit();
    },
    snapshot,
  };
}
