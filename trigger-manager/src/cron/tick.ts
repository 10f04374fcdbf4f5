import type { CronTrigger } from "@hanzo-fn/contract";
import type {
  CronAdvance,
  CronFireKey,
  HeldCronSchedule,
  NewCronFire,
  UnfinishedFire,
} from "@hanzo-fn/store";
import { dueFires, type SkippedFire } from "./due-fires.ts";
import type { Schedules } from "./schedules.ts";

/** What becomes of one schedule whose time has come: the rows to be written. */
export interface TickStep {
  readonly record: readonly NewCronFire[];
  /** Recorded, and not to run any more: a later time takes their place. */
  readonly superseded: readonly CronFireKey[];
  /** To be ended, since a later time replaces them. */
  readonly replaced: readonly CronFireKey[];
  readonly advance: CronAdvance;
}

const WHY: Readonly<Record<SkippedFire["reason"], string>> = {
  missed: "nobody was there in time, and the trigger's catchup leaves it",
  overlap: "the run before it had not ended",
  superseded: "a later run took its place",
};

function skipped(fire: SkippedFire, isMore: boolean): NewCronFire["ended"] {
  const { reason } = fire;
  const message = isMore ? `${WHY[reason]}; so were earlier ones` : WHY[reason];
  return { state: reason === "missed" ? "missed" : "skipped", error: { code: reason, message } };
}

/** Whether what runs and waits of the trigger decides about its next times. */
export function looksBack({ overlap }: Pick<CronTrigger, "overlap">): boolean {
  return overlap !== "allow" && overlap !== "queue_all";
}

/**
 * @param unfinished of this trigger; not needed where it does not look back
 * Throws `invalid_manifest` where the schedule cannot be read with this process's zone data.
 */
export function tickStep(
  held: HeldCronSchedule,
  unfinished: readonly UnfinishedFire[],
  schedules: Schedules,
): TickStep {
  const { triggerId, org, function: fn, nextFireAt, now } = held;
  const trigger = held.spec as unknown as CronTrigger;
  const schedule = schedules.read(trigger.schedule, trigger.timezone);
  const timesOf = (started: boolean): Date[] =>
    unfinished.filter((fire) => fire.started === started).map(({ scheduledAt }) => scheduledAt);
  const decided = dueFires(
    {
      triggerId,
      schedule,
      nextFireAt,
      lastScheduledAt: held.lastScheduledAt ?? undefined,
      running: timesOf(true),
      waiting: timesOf(false),
    },
    now,
    trigger,
  );
  const row = { triggerId, org, function: fn, atMostOnce: trigger.atMostOnce };
  const newest = decided.skips.findLast(({ reason }) => reason === "missed");
  const keys = (times: readonly Date[]): CronFireKey[] =>
    times.map((scheduledAt) => ({ triggerId, scheduledAt }));
  return {
    record: [
      ...decided.fires.map(({ scheduledAt, runAt }) => ({ ...row, scheduledAt, runAt })),
      ...decided.skips.map((fire) => {
        const { scheduledAt } = fire;
        const ended = skipped(fire, decided.unlisted && fire === newest);
        return { ...row, scheduledAt, runAt: scheduledAt, ended };
      }),
    ],
    superseded: keys(decided.withdrawn),
    replaced: keys(decided.cancelled),
    advance: {
      schedule: held,
      scheduledAt:
        decided.lastScheduledAt?.getTime() === held.lastScheduledAt?.getTime()
          ? undefined
          : decided.lastScheduledAt,
      nextFireAt: decided.nextFireAt,
    },
  };
}
