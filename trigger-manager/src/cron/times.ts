import type { CronTrigger } from "@hanzo-fn/contract";
import { nextFire } from "./next-fire.ts";
import { createSchedules, type Schedules } from "./schedules.ts";

/** When schedules fire, for whoever writes them down. */
export interface CronTimes {
  /** Of the time zone data that this process computes with. */
  readonly tzVersion: string;
  /** The first time after `after`; undefined where there is none. Throws `invalid_manifest`. */
  next(trigger: Pick<CronTrigger, "schedule" | "timezone">, after: Date): Date | undefined;
}

export function createCronTimes(schedules: Schedules = createSchedules()): CronTimes {
  return {
    tzVersion: process.versions.tz ?? "unknown",
    next: ({ schedule, timezone }, after) => nextFire(schedules.read(schedule, timezone), after),
  };
}
