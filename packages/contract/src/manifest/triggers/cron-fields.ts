import { refuse, type Refused } from "../../document/leaf.ts";

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** One of the fields of a cron schedule. */
export interface CronField {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Where `*` and `5/2` end, if that is not `max`: Sunday is both 0 and 7. */
  readonly last?: number;
  /** Names stand for `min`, `min + 1`, ... */
  readonly names?: readonly string[];
}

export const SECOND: CronField = { name: "second", min: 0, max: 59 };
export const MINUTE: CronField = { name: "minute", min: 0, max: 59 };
export const HOUR: CronField = { name: "hour", min: 0, max: 23 };
export const DAY: CronField = { name: "day of month", min: 1, max: 31 };
export const MONTH: CronField = { name: "month", min: 1, max: 12, names: MONTHS };
export const WEEKDAY: CronField = { name: "day of week", min: 0, max: 7, last: 6, names: DAYS };

/** A day of the month: its number, `L` for the last one, `15W` for the working day nearest to the 15th. */
export type DayItem = number | "L" | `${number}W`;
/** A day of the week from 0 (Sunday) to 6: every one, `5#3` for the third of the month, `5L` for its last. */
export type WeekdayItem = number | `${number}#${number}` | `${number}L`;

function valueOf(text: string, field: CronField): number | undefined {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const index = field.names?.indexOf(text.toLowerCase()) ?? -1;
  return index === -1 ? undefined : index + field.min;
}

const inRange = (number: number, field: CronField): boolean => number >= field.min && number <= field.max;

const outOfRange = (field: CronField): Refused =>
  refuse(`${field.name} is from ${field.min} to ${field.max}`);

/** The numbers of one item of a list: `5`, `mon-fri`, `*`, `10-30/5`, `5/10` (from 5 to the end). */
function readItem(item: string, field: CronField): readonly number[] | Refused {
  const unknown = refuse(`\`${item}\` is no ${field.name}`);
  const match = /^(\*|[a-z]{3}|\d{1,2})(?:-([a-z]{3}|\d{1,2}))?(?:\/(\d{1,3}))?$/i.exec(item);
  if (match === null) return unknown;
  const [, from = "", to, every] = match;
  const step = every === undefined ? 1 : Number(every);
  if (step < 1 || step > field.max) return refuse(`the step of ${field.name} is from 1 to ${field.max}`);
  if (from === "*" && to !== undefined) return unknown;
  const first = from === "*" ? field.min : valueOf(from, field);
  const open = from === "*" || every !== undefined ? (field.last ?? field.max) : first;
  let end = to === undefined ? open : valueOf(to, field);
  if (first === undefined || end === undefined) return unknown;
  if (field === WEEKDAY && first > 0 && to?.toLowerCase() === "sun") end = 7;
  if (!inRange(first, field) || !inRange(end, field)) return outOfRange(field);
  if (to !== undefined && first > end) return refuse(`the range ${item} of ${field.name} runs backwards`);
  const numbers = Array.from({ length: Math.floor((end - first) / step) + 1 }, (_, i) => first + i * step);
  return numbers.length === 0 ? [first] : numbers;
}

/** Each item of a list by `read`, without repetitions; the first problem where there is one. */
function readList<T>(text: string, read: (item: string) => readonly T[] | Refused): readonly T[] | Refused {
  const all = new Set<T>();
  for (const item of text.split(",")) {
    const values = read(item);
    if ("refused" in values) return values;
    for (const value of values) all.add(value);
  }
  return [...all];
}

/** The numbers that a field names, ascending. */
export function readNumbers(text: string, field: CronField): readonly number[] | Refused {
  const numbers = readList(text, (item) => readItem(item, field));
  return "refused" in numbers ? numbers : numbers.toSorted((a, b) => a - b);
}

/** Undefined where any day of the month will do. */
export function readDays(text: string): readonly DayItem[] | Refused | undefined {
  if (text === "*" || text === "?") return undefined;
  return readList<DayItem>(text, (item) => {
    if (/^L$/i.test(item)) return ["L"];
    const nearest = /^(\d{1,2})W$/i.exec(item);
    if (nearest === null) return readItem(item, DAY);
    const day = Number(nearest[1]);
    return inRange(day, DAY) ? [`${day}W`] : outOfRange(DAY);
  });
}

/** Undefined where any day of the week will do. */
export function readWeekdays(text: string): readonly WeekdayItem[] | Refused | undefined {
  if (text === "*" || text === "?") return undefined;
  return readList<WeekdayItem>(text, (item) => {
    const within = /^([a-z]{3}|\d)(?:#([1-5])|L)$/i.exec(item);
    if (within === null) {
      const numbers = readItem(item, WEEKDAY);
      return "refused" in numbers ? numbers : numbers.map((number) => number % 7);
    }
    const [, name = "", nth] = within;
    const day = valueOf(name, WEEKDAY);
    if (day === undefined || !inRange(day, WEEKDAY)) return outOfRange(WEEKDAY);
    return [nth === undefined ? `${day % 7}L` : `${day % 7}#${Number(nth)}`];
  });
}
