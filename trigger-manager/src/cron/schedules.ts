import {
  type CalendarSchedule,
  type IntervalSchedule,
  isTimeZone,
  parseSchedule,
  PlatformError,
} from "@hanzo-fn/contract";
import { createWallClocks, type WallClock } from "./wall-clock.ts";
import { createZone, type Zone } from "./zone.ts";

/** A schedule that can be asked when it fires (`next-fire.ts`). */
export type CronSchedule = IntervalSchedule | ZonedSchedule;

export interface ZonedSchedule {
  readonly kind: "calendar";
  readonly calendar: CalendarSchedule;
  readonly clock: WallClock;
  readonly zone: Zone;
}

export interface Schedules {
  /**
   * @param expression as in the manifest: five or six fields, `@daily` and its like, or `@every 10s`
   * @param timezone an IANA name
   * Throws `invalid_manifest` with the rule that was broken.
   */
  read(expression: string, timezone: string): CronSchedule;
}

function invalid(what: string, rule: string): PlatformError {
  return new PlatformError("invalid_manifest", `the ${what} of a cron trigger ${rule}`, {
    component: "trigger-manager",
    next: `correct \`${what}\` in function.yaml and deploy again`,
  });
}

/** Zones and compiled patterns are shared by all schedules that are read here. */
export function createSchedules(): Schedules {
  const zones = new Map<string, Zone>();
  const clockOf = createWallClocks();
  const zoneOf = (name: string): Zone => {
    const known = zones.get(name);
    if (known !== undefined) return known;
    // Making formats of Intl is slow: once per zone, not once per schedule.
    if (!isTimeZone(name)) throw invalid("timezone", `\`${name}\` is no IANA time zone`);
    const zone = createZone(name);
    zones.set(name, zone);
    return zone;
  };
  return {
    read(expression, timezone) {
      const schedule = parseSchedule(expression);
      if ("refused" in schedule) throw invalid("schedule", `\`${expression}\` is wrong: ${schedule.rule}`);
      const zone = zoneOf(timezone);
      if (schedule.kind === "interval") return schedule;
      return { kind: "calendar", calendar: schedule, clock: clockOf(schedule), zone };
    },
  };
}
