import { describe, expect, it } from "vitest";
import { differencesAround } from "./differences.ts";
import { shiftsIn } from "./oracle.ts";
import { createSchedules } from "./schedules.ts";

/** One of each kind: gaps at midnight and before it, of half an hour and of two; `every-zone.it.test.ts` has all. */
const ZONES = [
  "Africa/Cairo",
  "America/Havana",
  "America/New_York",
  "America/Nuuk",
  "Antarctica/Troll",
  "Australia/Lord_Howe",
  "Pacific/Chatham",
];

describe("twelve patterns fire as brute force says", () => {
  const schedules = createSchedules();
  it.each(ZONES)("around the shifts of 2026 in %s", (zone) => {
    const shifts = shiftsIn(zone, Date.UTC(2026, 0), Date.UTC(2027, 0));
    expect(shifts).toHaveLength(2);
    expect(shifts.flatMap((shift) => differencesAround(schedules, zone, shift))).toEqual([]);
  });
});
