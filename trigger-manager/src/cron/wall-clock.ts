import type { CalendarSchedule } from "@hanzo-fn/contract";
import { Cron } from "croner";

/**
 * The times that a schedule names on a clock that is never set: whole seconds, in milliseconds since the epoch as
 * though the clock showed UTC. What daylight saving time makes of them is the business of `next-fire.ts`.
 */
export interface WallClock {
  /** The first time after `wall`; undefined where there is none. */
  next(wall: number): number | undefined;
}

/**
 * Every field in full, in the one dialect that is certain: croner reads neither `5/10` nor a Sunday that is 7 as we do.
 */
function pattern({ seconds, minutes, hours, days, months, weekdays }: CalendarSchedule): string {
  return [seconds, minutes, hours, days ?? ["*"], months, weekdays ?? ["*"]]
    .map((field) => field.join(","))
    .join(" ");
}

/** A compiled pattern takes about 100 kB, so only as many are kept as are likely to be due in one second. */
const KEPT = 100;

/** Wall clocks by schedule; equal schedules share one. */
export function createWallClocks(): (schedule: CalendarSchedule) => WallClock {
  const kept = new Map<string, Cron>();
  const compiled = (text: string): Cron => {
    const cron = kept.get(text) ?? new Cron(text, { utcOffset: 0, mode: "6-part" });
    kept.delete(text);
    kept.set(text, cron);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return cron;
  };
  return (schedule) => {
    const text = pattern(schedule);
    return { next: (wall) => compiled(text).nextRun(new Date(wall))?.getTime() };
  };
}
