import type { CronTrigger } from "@hanzo-fn/contract";
import { firesBetween, lastFireBetween } from "./next-fire.ts";
import type { CronSchedule } from "./schedules.ts";

/** A time that is seen this late is on time, whatever `catchup` says: a replica died, or was busy. */
const ON_TIME_MS = 10_000;

/** As many times are decided on at once; the rest, still due, next. */
const AT_ONCE = 100;

/** Times that are due, each ascending. */
export interface Due {
  /** On time, or to be made up for. */
  readonly wanted: readonly Date[];
  /** Not made up for. Where they are more than 100: the newest alone. */
  readonly missed: readonly Date[];
  /** More were missed than `missed` lists. */
  readonly unlisted: boolean;
}

type Catchup = Pick<CronTrigger, "catchup" | "catchupWindowMs">;

/** The fires in [from, until), all of them or the newest alone. */
function missedBetween(schedule: CronSchedule, from: Date, until: Date): { times: Date[]; all: boolean } {
  const end = new Date(until.getTime() - 1);
  const times = [...firesBetween(schedule, new Date(from.getTime() - 1), end).take(AT_ONCE + 1)];
  const known = times.at(-1);
  if (known === undefined || times.length <= AT_ONCE) return { times, all: true };
  return { times: [lastFireBetween(schedule, known, end) ?? known], all: false };
}

/**
 * The fires in [from, now] by what `catchup` makes of the late ones. What is on time is wanted in any case; of what is
 * late
 * - `none` wants nothing,
 * - `last` wants the newest within the window, unless something is on time, which makes up for it,
 * - `all` wants what is within the window, the oldest first and 100 at once.
 */
export function dueBetween(
  schedule: CronSchedule,
  from: Date,
  now: Date,
  { catchup, catchupWindowMs }: Catchup,
): Due {
  const windowMs = Math.max(catchupWindowMs, ON_TIME_MS);
  const since = new Date(now.getTime() - (catchup === "all" ? windowMs : ON_TIME_MS));
  const missed = missedBetween(schedule, from, since);
  const start = new Date(Math.max(from.getTime(), since.getTime()) - 1);
  const wanted = [...firesBetween(schedule, start, now).take(AT_ONCE)];
  const newest = missed.times.at(-1);
  const mayRun = newest !== undefined && newest.getTime() >= now.getTime() - windowMs;
  if (catchup === "last" && wanted.length === 0 && mayRun) {
    return { wanted: [newest], missed: missed.times.slice(0, -1), unlisted: !missed.all };
  }
  return { wanted, missed: missed.times, unlisted: !missed.all };
}
