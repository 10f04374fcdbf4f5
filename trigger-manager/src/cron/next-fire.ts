import type { CronSchedule, ZonedSchedule } from "./schedules.ts";
import type { Shift } from "./zone.ts";

/**
 * When schedules fire. Where a zone sets its clock, the rules are:
 * - A time that the clock shows twice fires at its first occurrence if the schedule names its hours, and at every
 *   occurrence if its hours are a wildcard: a `*`, with or without a step, or every hour.
 * - A time that the clock skips fires once, where the gap ends. A schedule that runs in every hour has nothing to make
 *   up for: it fires at every time that the clock shows, and at no other.
 * - `@every` knows no clock: it fires at the multiples of its interval since the epoch, whatever the zone, so that its
 *   times do not depend on when it was created, paused or looked at.
 * Every answer depends on the schedule and the arguments alone.
 */

/** More than any two offsets of a zone are apart, and less than any two shifts. */
const NEAR_MS = 2 * 86_400_000;

const repeats = ({ calendar }: ZonedSchedule): boolean => calendar.wildcardHours;
const makesUp = ({ calendar }: ZonedSchedule): boolean => calendar.hours.length < 24;

/** The latest time that the clock has shown by `at`: later than what it shows where it was set back just now. */
function latestShown({ zone }: ZonedSchedule, at: number, offset: number): number {
  const shift = zone.shiftBetween(at - NEAR_MS, at);
  return shift === undefined ? at + offset : Math.max(at + offset, shift.at + shift.before - 1);
}

/** The time up to which nothing fires any more once the clock was set; `wall` is that time before. */
function afterShift(schedule: ZonedSchedule, shift: Shift, wall: number): number {
  const shown = shift.at + shift.after - 1;
  if (repeats(schedule)) return shown;
  return Math.max(wall, shown, shift.at + shift.before - 1);
}

function nextCalendarFire(schedule: ZonedSchedule, after: number): number | undefined {
  const { clock, zone } = schedule;
  let from = after;
  let offset = zone.offsetAt(from);
  let wall = repeats(schedule) ? from + offset : latestShown(schedule, from, offset);
  for (;;) {
    const next = clock.next(wall);
    if (next === undefined) return undefined;
    const at = next - offset;
    const shift = zone.shiftBetween(from, Math.min(at, from + NEAR_MS));
    if (shift !== undefined) {
      if (next < shift.at + shift.after && makesUp(schedule)) return shift.at;
      wall = afterShift(schedule, shift, wall);
      from = shift.at;
      offset = shift.after;
    } else if (at <= from + NEAR_MS) {
      return at;
    } else {
      // No time between `wall` and `next` fires, so no shift between matters but by the offset that it leaves.
      from = Math.max(from + NEAR_MS, at - NEAR_MS);
      offset = zone.offsetAt(from);
    }
  }
}

/** The first fire after `after`; undefined where there is none. */
export function nextFire(schedule: CronSchedule, after: Date): Date | undefined {
  const ms = after.getTime();
  const next =
    schedule.kind === "interval"
      ? (Math.floor(ms / schedule.everyMs) + 1) * schedule.everyMs
      : nextCalendarFire(schedule, ms);
  return next === undefined ? undefined : new Date(next);
}

/** Every fire in (after, until], one by one. */
export function* firesBetween(schedule: CronSchedule, after: Date, until: Date): Generator<Date, void> {
  for (
    let fire = nextFire(schedule, after);
    fire !== undefined && fire <= until;
    fire = nextFire(schedule, fire)
  ) {
    yield fire;
  }
}

/** The last fire in (after, until]; undefined where there is none. */
export function lastFireBetween(schedule: CronSchedule, after: Date, until: Date): Date | undefined {
  let found: Date | undefined;
  // A fire later than `found` exists just where the next one after some later moment is not past `until`.
  let low = after.getTime();
  let high = until.getTime();
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const fire = nextFire(schedule, new Date(middle));
    if (fire !== undefined && fire <= until) {
      found = fire;
      low = fire.getTime();
    } else {
      high = middle;
    }
  }
  return found;
}
