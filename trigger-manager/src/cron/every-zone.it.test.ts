import { describe, expect, it } from "vitest";
import { differencesAround, differencesThrough } from "./differences.ts";
import { shiftsIn } from "./oracle.ts";
import { createSchedules } from "./schedules.ts";

const FROM = Date.UTC(2026, 0);
const UNTIL = Date.UTC(2031, 0);

/** Minutes of work: of the longer tier (vitest.config.ts). `daylight-saving.it.test.ts` is the short part. */
describe("every zone that sets its clock between 2026 and 2030", () => {
  const schedules = createSchedules();
  const regions = Map.groupBy(Intl.supportedValuesOf("timeZone"), (zone) => zone.split("/")[0] ?? "");
  let zonesSeen = 0;
  let shiftsSeen = 0;
  it.each([...regions])("in %s", { timeout: 1_800_000 }, (_, zones) => {
    const found = zones.flatMap((zone) => {
      const shifts = shiftsIn(zone, FROM, UNTIL);
      if (shifts.length === 0) return [];
      zonesSeen++;
      shiftsSeen += shifts.length;
      return [
        ...shifts.flatMap((shift) => differencesAround(schedules, zone, shift)),
        ...differencesThrough(schedules, zone, FROM, UNTIL),
      ];
    });
    expect(found).toEqual([]);
  });

  it("is not few", () => {
    expect(zonesSeen).toBeGreaterThan(100);
    expect(shiftsSeen).toBeGreaterThan(1000);
  });
});
