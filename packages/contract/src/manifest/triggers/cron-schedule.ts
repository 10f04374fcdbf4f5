import { parseDuration } from "../../duration.ts";
import { refuse, type Refused } from "../../document/leaf.ts";
import { didYouMean } from "../../document/suggest.ts";
import {
  type DayItem,
  HOUR,
  MINUTE,
  MONTH,
  readDays,
  readNumbers,
  readWeekdays,
  SECOND,
  type WeekdayItem,
} from "./cron-fields.ts";

/** `@every 10s`. */
export interface IntervalSchedule {
  readonly kind: "interval";
  readonly everyMs: number;
}

/** Five or six fields, or `@daily` and its like: times of a wall clock. */
export interface CalendarSchedule {
  readonly kind: "calendar";
  readonly seconds: readonly number[];
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  /** The hour field has a `*`, with or without a step, or names every hour. */
  readonly wildcardHours: boolean;
  readonly months: readonly number[];
  /**
   * Undefined where any day will do. Where both this and `weekdays` are given, a day of either will do (crontab(5));
   * only a lone `*` or `?` leaves a field open.
   */
  readonly days: readonly DayItem[] | undefined;
  readonly weekdays: readonly WeekdayItem[] | undefined;
}

export type Schedule = CalendarSchedule | IntervalSchedule;

const NICKNAMES: Readonly<Record<string, string>> = {
  "@yearly": "0 0 1 1 *",
  "@annually": "0 0 1 1 *",
  "@monthly": "0 0 1 * *",
  "@weekly": "0 0 * * 0",
  "@daily": "0 0 * * *",
  "@midnight": "0 0 * * *",
  "@hourly": "0 * * * *",
};

function parseEvery(schedule: string): IntervalSchedule | Refused {
  const ms = parseDuration(schedule.slice("@every".length).trim());
  if (ms === undefined) return refuse("`@every` needs a duration", "for example @every 10s");
  if (ms < 1000) return refuse("`@every` must be at least 1s");
  if (ms > 366 * 86_400_000) return refuse("`@every` must be at most 366d");
  return { kind: "interval", everyMs: ms };
}

function unknownNickname(schedule: string): Refused {
  const known = [...Object.keys(NICKNAMES), "@every"];
  return refuse(`must be one of ${known.join(", ")}`, didYouMean(schedule, known));
}

const MOST_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days that every listed month lacks, for example 30 February: the schedule would never fire. */
function impossibleDays({ days, weekdays, months }: CalendarSchedule): Refused | undefined {
  if (days === undefined || weekdays !== undefined) return undefined;
  const longest = Math.max(...months.map((month) => MOST_DAYS[month - 1] ?? 31));
  if (days.some((day) => day === "L" || Number.parseInt(String(day), 10) <= longest)) return undefined;
  return refuse(`never fires: no such month has a day ${days.join(" or ")}`);
}

function parseFields(parts: readonly string[]): CalendarSchedule | Refused {
  const [second = "", minute = "", hour = "", day = "", month = "", weekday = ""] =
    parts.length === 5 ? ["0", ...parts] : parts;
  const seconds = readNumbers(second, SECOND);
  if ("refused" in seconds) return seconds;
  const minutes = readNumbers(minute, MINUTE);
  if ("refused" in minutes) return minutes;
  const hours = readNumbers(hour, HOUR);
  if ("refused" in hours) return hours;
  const days = readDays(day);
  if (days !== undefined && "refused" in days) return days;
  const months = readNumbers(month, MONTH);
  if ("refused" in months) return months;
  const weekdays = readWeekdays(weekday);
  if (weekdays !== undefined && "refused" in weekdays) return weekdays;
  const wildcardHours = hour.includes("*") || hours.length === 24;
  const schedule = {
    kind: "calendar",
    seconds,
    minutes,
    hours,
    wildcardHours,
    months,
    days,
    weekdays,
  } as const;
  return impossibleDays(schedule) ?? schedule;
}

/** A cron schedule, or what is wrong with it. */
export function parseSchedule(text: string): Schedule | Refused {
  const schedule = text.trim();
  if (schedule.length > 200) return refuse("must have at most 200 characters");
  if (schedule.startsWith("@every")) return parseEvery(schedule);
  if (schedule.startsWith("@") && !Object.hasOwn(NICKNAMES, schedule)) return unknownNickname(schedule);
  const parts = (NICKNAMES[schedule] ?? schedule).split(/\s+/);
  if (parts.length === 5 || parts.length === 6) return parseFields(parts);
  return refuse(
    `must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has ${schedule === "" ? 0 : parts.length}`,
  );
}

/** Whether `name` is an IANA zone. Node's own ICU data decides, as it does when fire times are computed. */
export function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name) || name.length > 64) return false;
  try {
    return Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
