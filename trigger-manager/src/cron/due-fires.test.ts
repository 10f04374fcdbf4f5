import { describe, expect, it } from "vitest";
import { type CronPolicy, type CronState, dueFires, type DueFires } from "./due-fires.ts";
import { createSchedules } from "./schedules.ts";

const schedules = createSchedules();
const HOUR = 3_600_000;

const today = (time: string): Date => new Date(`2026-06-10T${time.length === 5 ? `${time}:00` : time}Z`);
const clock = (date: Date | undefined): string =>
  date === undefined
    ? "never"
    : date
        .toISOString()
        .replace("2026-06-10T", "")
        .replace(/(:00)?\.000Z$/, "");

interface Given extends Partial<CronPolicy> {
  trigger?: string;
  schedule?: string;
  next: string;
  now: string;
  last?: string;
  running?: readonly string[];
  waiting?: readonly string[];
}

function decide(given: Given): DueFires {
  const state: CronState = {
    triggerId: given.trigger ?? "trg_01",
    schedule: schedules.read(given.schedule ?? "0 * * * *", "UTC"),
    nextFireAt: today(given.next),
    lastScheduledAt: given.last === undefined ? undefined : today(given.last),
    running: (given.running ?? []).map(today),
    waiting: (given.waiting ?? []).map(today),
  };
  const policy: CronPolicy = {
    overlap: given.overlap ?? "allow",
    catchup: given.catchup ?? "last",
    catchupWindowMs: given.catchupWindowMs ?? HOUR,
    jitterMs: given.jitterMs ?? 0,
  };
  return dueFires(state, today(given.now), policy);
}

/** `fires | skips | next`, for example `02:00 | 01:00 missed | 03:00`. */
function summary(due: DueFires): string {
  const fires = due.fires.map((fire) => clock(fire.scheduledAt)).join(" ");
  const skips = due.skips.map((skip) => `${clock(skip.scheduledAt)} ${skip.reason}`).join(", ");
  return `${fires} | ${skips} | ${clock(due.nextFireAt)}`;
}

describe("what is due", () => {
  it.each<[string, Given, string]>([
    ["nothing before its time", { next: "02:00", now: "01:59:59" }, " |  | 02:00"],
    ["a time at its very moment", { next: "02:00", now: "02:00" }, "02:00 |  | 03:00"],
    [
      "a time that is seen late, but on time",
      { next: "02:00", now: "02:00:10", catchup: "none" },
      "02:00 |  | 03:00",
    ],
    ["no time twice", { next: "02:00", last: "02:00", now: "02:30" }, " |  | 03:00"],
    [
      "every second, though the tick came late",
      { schedule: "* * * * * *", next: "02:00", now: "02:00:03" },
      "02:00 02:00:01 02:00:02 02:00:03 |  | 02:00:04",
    ],
    [
      "no time that the schedule no longer has",
      { schedule: "30 * * * *", next: "02:00", now: "02:10" },
      " |  | 02:30",
    ],
  ])("is %s", (_, given, expected) => {
    expect(summary(decide(given))).toBe(expected);
  });

  it.each<[string, Given, string]>([
    [
      "none: what is late does not run",
      { catchup: "none", next: "02:00", now: "04:20" },
      " | 02:00 missed, 03:00 missed, 04:00 missed | 05:00",
    ],
    [
      "none: what is on time runs",
      { catchup: "none", next: "02:00", now: "04:00:01" },
      "04:00 | 02:00 missed, 03:00 missed | 05:00",
    ],
    [
      "last: the newest runs",
      { catchup: "last", next: "02:00", now: "04:20" },
      "04:00 | 02:00 missed, 03:00 missed | 05:00",
    ],
    [
      "last: what is on time makes up for the rest",
      { catchup: "last", next: "02:00", now: "04:00:01" },
      "04:00 | 02:00 missed, 03:00 missed | 05:00",
    ],
    [
      "last: at the edge of the window",
      { catchup: "last", schedule: "0 2 * * *", next: "02:00", now: "03:00" },
      "02:00 |  | 2026-06-11T02:00",
    ],
    [
      "last: nothing beyond the window",
      { catchup: "last", schedule: "0 2 * * *", next: "02:00", now: "03:00:01" },
      " | 02:00 missed | 2026-06-11T02:00",
    ],
    [
      "all: what is in the window",
      { catchup: "all", catchupWindowMs: 2 * HOUR, next: "01:00", now: "04:20" },
      "03:00 04:00 | 01:00 missed, 02:00 missed | 05:00",
    ],
    [
      "all: at the edge of the window",
      { catchup: "all", catchupWindowMs: 2 * HOUR, next: "01:00", now: "04:00" },
      "02:00 03:00 04:00 | 01:00 missed | 05:00",
    ],
    [
      "all: of an interval",
      { catchup: "all", schedule: "@every 40m", next: "02:00", now: "03:30" },
      "02:40 03:20 | 02:00 missed | 04:00",
    ],
  ])("catchup %s", (_, given, expected) => {
    expect(summary(decide(given))).toBe(expected);
  });

  it("makes up for 100 at once, the oldest first, and for the rest when it is asked again", () => {
    const given: Given = { catchup: "all", schedule: "* * * * * *", next: "02:00", now: "02:04:09" };
    const fired: string[] = [];
    let next: Given = given;
    for (const count of [100, 100, 50, 0]) {
      const due = decide(next);
      expect(due.fires).toHaveLength(count);
      fired.push(...due.fires.map((fire) => clock(fire.scheduledAt)));
      next = { ...given, next: clock(due.nextFireAt), last: clock(due.lastScheduledAt) };
    }
    expect(new Set(fired).size).toBe(250);
    expect([fired[0], fired.at(-1)]).toEqual(["02:00", "02:04:09"]);
    expect(next.next).toBe("02:04:10");
  });

  it("passes over a year of missed seconds at once, and lists the newest", () => {
    const state: CronState = {
      triggerId: "trg_01",
      schedule: schedules.read("* * * * * *", "Europe/Berlin"),
      nextFireAt: new Date("2025-06-10T00:00:00Z"),
      running: [],
      waiting: [],
    };
    const policy: CronPolicy = { overlap: "allow", catchup: "none", catchupWindowMs: HOUR, jitterMs: 0 };
    const due = dueFires(state, today("12:00"), policy);
    expect(due.skips).toEqual([{ scheduledAt: today("11:59:49"), reason: "missed" }]);
    expect(due.unlisted).toBe(true);
    expect(due.fires).toHaveLength(11);
    expect(due.nextFireAt).toEqual(today("12:00:01"));
  });

  it("follows from the last decided time, not from the moment it was asked", () => {
    const asked = ["02:00", "02:00:07", "02:37", "02:59:59.999"].map(
      (now) => decide({ next: "02:00", now }).nextFireAt,
    );
    expect(new Set(asked.map(clock))).toEqual(new Set(["03:00"]));
  });
});

describe("a time that comes while runs are unfinished", () => {
  const hourly = { next: "04:00", now: "04:00" };
  it.each<[CronPolicy["overlap"], Partial<Given>, string]>([
    ["skip", {}, "04:00 |  | 05:00"],
    ["skip", { running: ["03:00"] }, " | 04:00 overlap | 05:00"],
    ["skip", { waiting: ["03:00"] }, " | 04:00 overlap | 05:00"],
    ["queue_one", { running: ["03:00"] }, "04:00 |  | 05:00"],
    ["queue_one", { waiting: ["03:00"] }, "04:00 |  | 05:00"],
    ["queue_one", { running: ["02:00"], waiting: ["03:00"] }, "04:00 |  | 05:00, withdraws 03:00"],
    ["queue_one", { waiting: ["02:00", "03:00"] }, "04:00 |  | 05:00, withdraws 03:00"],
    ["queue_all", { running: ["02:00"], waiting: ["03:00"] }, "04:00 |  | 05:00"],
    ["allow", { running: ["02:00"], waiting: ["03:00"] }, "04:00 |  | 05:00"],
    [
      "replace",
      { running: ["02:00"], waiting: ["03:00"] },
      "04:00 |  | 05:00, withdraws 03:00, cancels 02:00",
    ],
    ["replace", {}, "04:00 |  | 05:00"],
  ])("overlap %s, %j", (overlap, unfinished, expected) => {
    const due = decide({ ...hourly, overlap, ...unfinished });
    const withdrawn = due.withdrawn.map((time) => `, withdraws ${clock(time)}`).join("");
    const cancelled = due.cancelled.map((time) => `, cancels ${clock(time)}`).join("");
    expect(`${summary(due)}${withdrawn}${cancelled}`).toBe(expected);
  });

  it.each<[CronPolicy["overlap"], string]>([
    ["skip", "02:00 | 03:00 overlap, 04:00 overlap | 05:00"],
    ["queue_one", "02:00 04:00 | 03:00 superseded | 05:00"],
    ["queue_all", "02:00 03:00 04:00 |  | 05:00"],
    ["allow", "02:00 03:00 04:00 |  | 05:00"],
    ["replace", "04:00 | 02:00 superseded, 03:00 superseded | 05:00"],
  ])("overlap %s, several at once", (overlap, expected) => {
    const all = { catchup: "all", catchupWindowMs: 6 * HOUR } as const;
    expect(summary(decide({ ...all, overlap, next: "02:00", now: "04:10" }))).toBe(expected);
  });

  it("cancels nothing while nothing is due", () => {
    expect(decide({ next: "04:00", now: "03:59", overlap: "replace", running: ["03:00"] }).cancelled).toEqual(
      [],
    );
  });
});

describe("jitter", () => {
  const runs = (given: Given): number[] =>
    decide(given).fires.map((fire) => fire.runAt.getTime() - fire.scheduledAt.getTime());

  it("delays the run, not its scheduled time, and each time alike", () => {
    const given: Given = { next: "02:00", now: "02:00", jitterMs: 600_000 };
    expect(summary(decide(given))).toBe("02:00 |  | 03:00");
    expect(runs(given)).toEqual(runs({ ...given, now: "02:00:09" }));
  });

  const quarters = (delays: readonly number[], of: number): number[] =>
    [0, 1, 2, 3].map((quarter) => delays.filter((delay) => Math.floor((delay * 4) / of) === quarter).length);

  it("spreads the runs of many triggers evenly over all of its time, never before and never beyond", () => {
    const jitterMs = 600_000;
    const delays = Array.from({ length: 400 }, (_, i) =>
      runs({ trigger: `trg_${i}`, next: "02:00", now: "02:00", jitterMs }),
    ).flat();
    const counts = quarters(delays, jitterMs);
    expect(counts.reduce((sum, count) => sum + count)).toBe(400);
    expect(Math.min(...counts)).toBeGreaterThan(70);
  });

  it("lets no run start after the next scheduled time", () => {
    const schedule = "* * * * * *";
    const given: Given = { catchup: "all", schedule, next: "02:00", now: "02:01:39", jitterMs: 3_600_000 };
    const counts = quarters(runs(given), 1000);
    expect(counts.reduce((sum, count) => sum + count)).toBe(100);
    expect(Math.min(...counts)).toBeGreaterThan(10);
  });

  it("is none by default", () => {
    expect(runs({ next: "02:00", now: "02:00" })).toEqual([0]);
  });
});
