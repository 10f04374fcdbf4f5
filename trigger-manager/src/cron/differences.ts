import { firesBetween, nextFire } from "./next-fire.ts";
import { firesAmong, momentsAround, momentsBetween, PATTERNS, SELDOM } from "./oracle.ts";
import type { Schedules } from "./schedules.ts";

const iso = (at: number | undefined): string => (at === undefined ? "never" : new Date(at).toISOString());

/** Where `next-fire.ts` and the oracle disagree around a shift of a zone, in words; all twelve patterns. */
export function differencesAround(schedules: Schedules, zone: string, shift: number): string[] {
  const moments = momentsAround(zone, shift);
  const first = moments[0]?.at ?? 0;
  const last = moments.at(-1)?.at ?? 0;
  return PATTERNS.flatMap((pattern) => {
    const schedule = schedules.read(pattern.expression, zone);
    const expected = new Set(firesAmong(moments, pattern));
    const fired = new Set(
      [...firesBetween(schedule, new Date(first), new Date(last))].map((fire) => fire.getTime()),
    );
    const extra = [...fired.difference(expected)].map((at) => `fires at ${iso(at)}`);
    const missing = [...expected.difference(fired)].map((at) => `does not fire at ${iso(at)}`);
    // And from moments that are no fires: what a schedule does next depends on nothing that was asked before.
    const lost: string[] = [];
    let at = first + 999;
    for (const wanted of expected) {
      for (; at < wanted; at += 970_001) {
        const next = nextFire(schedule, new Date(at))?.getTime();
        if (next !== wanted) lost.push(`after ${iso(at)} comes ${iso(next)} instead of ${iso(wanted)}`);
      }
    }
    return [...extra, ...missing, ...lost].map((problem) => `${zone} \`${pattern.expression}\` ${problem}`);
  });
}

/** The same for schedules that fire seldom, through years. */
export function differencesThrough(
  schedules: Schedules,
  zone: string,
  from: number,
  until: number,
): string[] {
  const quarter = 15 * 60_000;
  const moments = momentsBetween(zone, from, until, quarter);
  return SELDOM.flatMap((pattern) => {
    const schedule = schedules.read(pattern.expression, zone);
    const expected = firesAmong(moments, pattern, quarter);
    const fired = [...firesBetween(schedule, new Date(from), new Date(until))].map((fire) => fire.getTime());
    const [wanted, found] = [expected, fired].map((fires) => fires.map(iso).join(" "));
    return wanted === found
      ? []
      : [`${zone} \`${pattern.expression}\` fires at ${found} instead of ${wanted}`];
  });
}
