import type { HeldCronSchedule, UnfinishedFire } from "@hanzo-fn/store";
import { describe, expect, it } from "vitest";
import { CRON } from "../test-setup.ts";
import { createSchedules } from "./schedules.ts";
import { tickStep } from "./tick.ts";

const schedules = createSchedules();
const at = (second: number): Date => new Date(Date.UTC(2026, 0, 2, 3, 4, second));

const held = (spec: Partial<typeof CRON>, more: Partial<HeldCronSchedule> = {}): HeldCronSchedule => ({
  triggerId: "trg_1",
  org: "acme",
  function: "f",
  specVersion: 1,
  enabled: true,
  nextFireAt: at(1),
  lastScheduledAt: null,
  tzVersion: "x",
  spec: { ...CRON, ...spec } as never,
  now: at(1),
  ...more,
});
const unfinished = (second: number, started: boolean): UnfinishedFire => ({
  triggerId: "trg_1",
  scheduledAt: at(second),
  started,
});

describe("what is written for a schedule whose time has come", () => {
  it("is the run and the next time", () => {
    const step = tickStep(held({ atMostOnce: true }), [], schedules);
    expect(step.record).toEqual([
      { triggerId: "trg_1", org: "acme", function: "f", atMostOnce: true, scheduledAt: at(1), runAt: at(1) },
    ]);
    expect(step.advance).toMatchObject({ scheduledAt: at(1), nextFireAt: at(2) });
  });

  it("is a time that was skipped, with the reason, where the run before has not ended", () => {
    const step = tickStep(held({}), [unfinished(0, true)], schedules);
    expect(step.record).toMatchObject([
      { scheduledAt: at(1), ended: { state: "skipped", error: { code: "overlap" } } },
    ]);
  });

  it("is a later run in the place of one that waits, or of one that runs", () => {
    const waits = tickStep(
      held({ overlap: "queue_one" }),
      [unfinished(-1, true), unfinished(0, false)],
      schedules,
    );
    expect(waits.superseded).toEqual([{ triggerId: "trg_1", scheduledAt: at(0) }]);
    const runs = tickStep(held({ overlap: "replace" }), [unfinished(0, true)], schedules);
    expect(runs.replaced).toEqual([{ triggerId: "trg_1", scheduledAt: at(0) }]);
  });

  it("lists times that were missed, and says where there were more", () => {
    const late = held({ catchup: "none" }, { now: at(600) });
    const { record, advance } = tickStep(late, [], schedules);
    const missed = record.filter(({ ended }) => ended?.state === "missed");
    expect(missed).toHaveLength(1);
    expect(missed[0]?.ended?.error.message).toContain("earlier ones");
    expect(advance.nextFireAt).toEqual(at(601));
  });

  it("is nothing but another time where none was due after all", () => {
    const step = tickStep(held({}, { lastScheduledAt: at(1) }), [], schedules);
    expect(step.record).toEqual([]);
    expect(step.advance).toMatchObject({ scheduledAt: undefined, nextFireAt: at(2) });
  });

  it("cannot be told where the zone is not known any more", () => {
    const lost = held({ schedule: "@daily", timezone: "Mars/Olympus" });
    expect(() => tickStep(lost, [], schedules)).toThrow("no IANA time zone");
  });
});
