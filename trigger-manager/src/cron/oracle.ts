/**
 * What a schedule does where clocks are set, by brute force: every half minute of real time is put on the zone's clock
 * by Intl, and the rules of `next-fire.ts` are applied to what the clock shows. Shares no code with what it judges.
 */

const STEP_MS = 30_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** To either side of a shift. */
const AROUND_MS = 1.25 * DAY_MS;

/** A real moment, and what the clock shows as though it showed UTC; both in milliseconds since the epoch. */
interface Moment {
  readonly at: number;
  readonly wall: number;
}

export interface Pattern {
  readonly expression: string;
  /** Whether the time on the clock is one of the schedule's. */
  readonly matches: (wall: Date) => boolean;
  readonly hours: "named" | "stepped" | "every";
}

const hour = (wall: Date): number => wall.getUTCHours();
const minute = (wall: Date): number => wall.getUTCMinutes();
const day = (wall: Date): number => wall.getUTCDate();
const weekday = (wall: Date): number => wall.getUTCDay();
const month = (wall: Date): number => wall.getUTCMonth() + 1;
const whole = (wall: Date): boolean => wall.getUTCSeconds() === 0;
const lastOfMonth = (wall: Date): boolean => new Date(wall.getTime() + DAY_MS).getUTCDate() === 1;
const lastOfItsKind = (wall: Date): boolean =>
  new Date(wall.getTime() + 7 * DAY_MS).getUTCMonth() + 1 !== month(wall);

export const PATTERNS: readonly Pattern[] = [
  { expression: "30 2 * * *", hours: "named", matches: (w) => whole(w) && hour(w) === 2 && minute(w) === 30 },
  { expression: "@daily", hours: "named", matches: (w) => whole(w) && hour(w) === 0 && minute(w) === 0 },
  {
    expression: "15,45 0-4 * * *",
    hours: "named",
    matches: (w) => whole(w) && hour(w) <= 4 && (minute(w) === 15 || minute(w) === 45),
  },
  {
    expression: "*/20 1,2,3,23 * * *",
    hours: "named",
    matches: (w) => whole(w) && [1, 2, 3, 23].includes(hour(w)) && minute(w) % 20 === 0,
  },
  {
    expression: "30 15 1-23/2 * * *",
    hours: "named",
    matches: (w) => w.getUTCSeconds() === 30 && minute(w) === 15 && hour(w) % 2 === 1,
  },
  {
    expression: "50 1,23 * * satL,sunL",
    hours: "named",
    matches: (w) =>
      whole(w) &&
      minute(w) === 50 &&
      (hour(w) === 1 || hour(w) === 23) &&
      (weekday(w) === 6 || weekday(w) === 0) &&
      lastOfItsKind(w),
  },
  {
    expression: "0 3 L,25-31 3,9-11 sun#1,fri",
    hours: "named",
    matches: (w) =>
      whole(w) &&
      hour(w) === 3 &&
      minute(w) === 0 &&
      [3, 9, 10, 11].includes(month(w)) &&
      (lastOfMonth(w) || day(w) >= 25 || weekday(w) === 5 || (weekday(w) === 0 && day(w) <= 7)),
  },
  {
    expression: "0 */2 * * *",
    hours: "stepped",
    matches: (w) => whole(w) && minute(w) === 0 && hour(w) % 2 === 0,
  },
  {
    expression: "10,40 */3 * * *",
    hours: "stepped",
    matches: (w) => whole(w) && (minute(w) === 10 || minute(w) === 40) && hour(w) % 3 === 0,
  },
  { expression: "30 * * * *", hours: "every", matches: (w) => whole(w) && minute(w) === 30 },
  { expression: "5-59/10 0-23 * * *", hours: "every", matches: (w) => whole(w) && minute(w) % 10 === 5 },
  { expression: "*/30 * * * * *", hours: "every", matches: (w) => w.getUTCSeconds() % 30 === 0 },
];

/** Seldom enough that five years of them are looked through; each at whole quarters of an hour. */
export const SELDOM: readonly Pattern[] = [
  {
    expression: "@yearly",
    hours: "named",
    matches: (w) => month(w) === 1 && day(w) === 1 && hour(w) === 0 && minute(w) === 0,
  },
  {
    expression: "45 23 28 2,3 *",
    hours: "named",
    matches: (w) => (month(w) === 2 || month(w) === 3) && day(w) === 28 && hour(w) === 23 && minute(w) === 45,
  },
  {
    expression: "30 2 29 2 *",
    hours: "named",
    matches: (w) => month(w) === 2 && day(w) === 29 && hour(w) === 2 && minute(w) === 30,
  },
  {
    expression: "15 2 * 3-4,9-11 0",
    hours: "named",
    matches: (w) =>
      [3, 4, 9, 10, 11].includes(month(w)) && weekday(w) === 0 && hour(w) === 2 && minute(w) === 15,
  },
];

/** Puts real time on the clock of a zone. */
function clockOf(zone: string): (at: number) => number {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
  // 03/29/2026, 02:30:00
  const number = (text: string, from: number, to: number): number => Number(text.slice(from, to));
  return (at) => {
    const text = format.format(at);
    return Date.UTC(
      number(text, 6, 10),
      number(text, 0, 2) - 1,
      number(text, 3, 5),
      number(text, 12, 14),
      number(text, 15, 17),
      number(text, 18, 20),
    );
  };
}

/** Moments at which the zone's clock has been set within the last hour. */
export function shiftsIn(zone: string, from: number, until: number): number[] {
  const wallAt = clockOf(zone);
  const shifts: number[] = [];
  let offset = wallAt(from) - from;
  for (let at = from; at < until; at += HOUR_MS) {
    const now = wallAt(at) - at;
    if (now !== offset) shifts.push(at);
    offset = now;
  }
  return shifts;
}

/** Real time from `from` to `until`, both included, in steps. */
export function momentsBetween(zone: string, from: number, until: number, stepMs: number): Moment[] {
  const wallAt = clockOf(zone);
  const moments: Moment[] = [];
  for (let at = from; at <= until; at += stepMs) moments.push({ at, wall: wallAt(at) });
  return moments;
}

/** Every half minute around a shift. */
export function momentsAround(zone: string, shift: number): Moment[] {
  return momentsBetween(zone, shift - AROUND_MS, shift + AROUND_MS, STEP_MS);
}

/** Every moment at which the pattern fires, but the first of `moments`; in milliseconds since the epoch. */
export function firesAmong(
  moments: readonly Moment[],
  { matches, hours }: Pattern,
  stepMs: number = STEP_MS,
): number[] {
  const shown = new Set<number>();
  const fires: number[] = [];
  let previous: number | undefined;
  for (const { at, wall } of moments) {
    let fire = matches(new Date(wall)) && (hours !== "named" || !shown.has(wall));
    for (let skipped = (previous ?? wall) + stepMs; skipped < wall; skipped += stepMs) {
      fire ||= hours !== "every" && matches(new Date(skipped));
    }
    if (fire && previous !== undefined) fires.push(at);
    shown.add(wall);
    previous = wall;
  }
  return fires;
}
