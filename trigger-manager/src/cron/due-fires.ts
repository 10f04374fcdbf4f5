import type { CronTrigger } from "@hanzo-fn/contract";
import { dueBetween } from "./catchup.ts";
import { startOf } from "./jitter.ts";
import { nextFire } from "./next-fire.ts";
import { admit, type Unfinished } from "./overlap.ts";
import type { CronSchedule } from "./schedules.ts";

export type CronPolicy = Pick<CronTrigger, "overlap" | "catchup" | "catchupWindowMs" | "jitterMs">;

/** What the record says of a cron trigger. */
export interface CronState extends Unfinished {
  readonly triggerId: string;
  readonly schedule: CronSchedule;
  /** Every time before it has been decided on, or was before the trigger began. */
  readonly nextFireAt: Date;
  /** The last time that was decided on: no time up to it is ever decided on again. */
  readonly lastScheduledAt?: Date | undefined;
}

/** A run to be recorded. Its name is `scheduledAt`; `runAt` is when it starts at the earliest, by the jitter. */
export interface DueFire {
  readonly scheduledAt: Date;
  readonly runAt: Date;
}

/** A time that is recorded as one that does not run. `missed`: too late, by `catchup`. */
export interface SkippedFire {
  readonly scheduledAt: Date;
  readonly reason: "missed" | "overlap" | "superseded";
}

/** To be written in one transaction, in which nothing else decides on the trigger. */
export interface DueFires {
  readonly fires: readonly DueFire[];
  /** Ascending. */
  readonly skips: readonly SkippedFire[];
  /** More times were missed than the newest, which alone is in `skips`. */
  readonly unlisted: boolean;
  /** Of the state's `waiting`: to be recorded as superseded. */
  readonly withdrawn: readonly Date[];
  /** Of the state's `running`: to be ended. */
  readonly cancelled: readonly Date[];
  /** It follows from the last time that was decided on, never from the clock. Undefined where none comes any more. */
  readonly nextFireAt: Date | undefined;
  readonly lastScheduledAt: Date | undefined;
}

const byTime = (a: SkippedFire, b: SkippedFire): number => a.scheduledAt.getTime() - b.scheduledAt.getTime();

/**
 * What is to be done about a trigger at `now`, by the database's clock. Where much is due at once, `nextFireAt` of the
 * answer is still not after `now`: ask again.
 */
export function dueFires(state: CronState, now: Date, policy: CronPolicy): DueFires {
  const { schedule, triggerId, nextFireAt, lastScheduledAt } = state;
  const decided = lastScheduledAt === undefined ? Number.NEGATIVE_INFINITY : lastScheduledAt.getTime();
  const from = new Date(Math.max(nextFireAt.getTime(), decided + 1));
  const due = dueBetween(schedule, from, now, policy);
  const { admitted, refused, withdrawn, cancelled } = admit(due.wanted, state, policy.overlap);
  const until = due.wanted.at(-1) ?? due.missed.at(-1);
  const fires = admitted.map((scheduledAt) => {
    const next = policy.jitterMs === 0 ? undefined : nextFire(schedule, scheduledAt);
    return { scheduledAt, runAt: startOf(triggerId, scheduledAt, policy.jitterMs, next) };
  });
  const missed = due.missed.map((scheduledAt) => ({ scheduledAt, reason: "missed" as const }));
  return {
    fires,
    skips: [...missed, ...refused].sort(byTime),
    unlisted: due.unlisted,
    withdrawn,
    cancelled,
    nextFireAt: nextFire(schedule, until ?? new Date(from.getTime() - 1)),
    lastScheduledAt: until ?? lastScheduledAt,
  };
}
