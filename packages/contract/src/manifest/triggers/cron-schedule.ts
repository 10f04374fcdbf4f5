import { parseDuration } from "../../duration.ts";
import { refuse, type Refused } from "../../document/leaf.ts";
import { didYouMean } from "../../document/suggest.ts";

const NICKNAMES = ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"];
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

interface Field {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Names stand for `min`, `min + 1`, ... */
  readonly names?: readonly string[];
}

const SECONDS: Field = { name: "second", min: 0, max: 59 };
const FIELDS: readonly Field[] = [
  { name: "minute", min: 0, max: 59 },
  { name: "hour", min: 0, max: 23 },
  { name: "day of month", min: 1, max: 31 },
  { name: "month", min: 1, max: 12, names: MONTHS },
  { name: "day of week", min: 0, max: 7, names: DAYS },
];

function value(text: string, field: Field): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = field.names?.indexOf(text.toLowerCase()) ?? -1;
  return index === -1 ? undefined : index + field.min;
}

function inRange(number: number, field: Field): boolean {
  return number >= field.min && number <= field.max;
}

function partProblem(part: string, field: Field): string | undefined {
  const allowed = `${field.name} is from ${field.min} to ${field.max}`;
  if (field.name === "day of month" && /^L$/i.test(part)) return undefined;
  const weekday = /^([a-z]{3}|\d)(#[1-5]|L)$/i.exec(part);
  if (field.name === "day of week" && weekday !== null) {
    const number = value(weekday[1] ?? "", field);
    return number !== undefined && inRange(number, field) ? undefined : allowed;
  }
  const nearest = /^(\d{1,2})W$/i.exec(part);
  if (field.name === "day of month" && nearest !== null) {
    return inRange(Number(nearest[1]), field) ? undefined : allowed;
  }
  const match = /^(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:\/(\d{1,3}))?$/i.exec(part);
  if (match === null) return `\`${part}\` is no ${field.name}`;
  const [, from = "", to, step] = match;
  if (step !== undefined && (Number(step) < 1 || Number(step) > field.max)) {
    return `the step of ${field.name} is from 1 to ${field.max}`;
  }
  if (from === "*") return to === undefined ? undefined : `\`${part}\` is no ${field.name}`;
  const first = value(from, field);
  const last = to === undefined ? first : value(to, field);
  if (first === undefined || last === undefined) return `\`${part}\` is no ${field.name}`;
  if (!inRange(first, field) || !inRange(last, field)) return allowed;
  return first > last ? `the range ${part} of ${field.name} runs backwards` : undefined;
}

function everyProblem(schedule: string): Refused | undefined {
  const ms = parseDuration(schedule.slice("@every".length).trim());
  if (ms === undefined) return refuse("`@every` needs a duration", "for example @every 10s");
  if (ms < 1000) return refuse("`@every` must be at least 1s");
  return ms > 366 * 86_400_000 ? refuse("`@every` must be at most 366d") : undefined;
}

/** Days that every listed month lacks, for example 30 February: the schedule would never fire. */
function impossibleDay(day: string, month: string): boolean {
  if (!/^\d{1,2}$/.test(day) || !/^(\d{1,2}|[a-z]{3})(,(\d{1,2}|[a-z]{3}))*$/i.test(month)) return false;
  const months = month
    .split(",")
    .map((part) => value(part, { name: "month", min: 1, max: 12, names: MONTHS }) ?? 0);
  const days = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  return months.every((number) => Number(day) > (days[number - 1] ?? 31));
}

/** What is wrong with a cron schedule; undefined where nothing is. */
export function scheduleProblem(text: string): Refused | undefined {
  const schedule = text.trim();
  if (schedule.length > 200) return refuse("must have at most 200 characters");
  if (schedule.startsWith("@every")) return everyProblem(schedule);
  if (schedule.startsWith("@")) {
    if (NICKNAMES.includes(schedule)) return undefined;
    return refuse(
      `must be one of ${NICKNAMES.join(", ")}, @every`,
      didYouMean(schedule, [...NICKNAMES, "@every"]),
    );
  }
  const parts = schedule.split(/\s+/);
  if (parts.length !== 5 && parts.length !== 6) {
    return refuse(
      `must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has ${schedule === "" ? 0 : parts.length}`,
    );
  }
  const fields = parts.length === 6 ? [SECONDS, ...FIELDS] : FIELDS;
  for (const [index, part] of parts.entries()) {
    const field = fields[index] ?? SECONDS;
    if (part === "?" && field.name.startsWith("day")) continue;
    for (const item of part.split(",")) {
      const problem = partProblem(item, field);
      if (problem !== undefined) return refuse(problem);
    }
  }
  const [, , day = "", month = "", weekday = ""] = parts.slice(-5);
  if (weekday === "*" && impossibleDay(day, month))
    return refuse(`never fires: no such month has a day ${day}`);
  return undefined;
}
