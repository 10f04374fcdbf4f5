import { expect, it } from "vitest";
import { createWorkSchedule } from "./work-schedule.ts";

const backoff = { initialMs: 200, factor: 2, maxMs: 60_000 };

it("hands a key out once however often it was added, in the order of the first", () => {
  const schedule = createWorkSchedule(backoff);
  for (const key of ["a", "b", "a", "c", "b"]) schedule.add(key);
  expect([1, 2, 3, 4].map(() => schedule.take(0))).toEqual(["a", "b", "c", undefined]);
});

it("a key that is out is not handed out again, and is due once more when it comes back", () => {
  const schedule = createWorkSchedule(backoff);
  schedule.add("a");
  expect(schedule.take(0)).toBe("a");
  schedule.add("a");
  schedule.add("a");
  expect(schedule.take(0)).toBeUndefined();
  schedule.done("a");
  expect(schedule.take(0)).toBe("a");
  schedule.done("a");
  expect(schedule.take(0)).toBeUndefined();
});

it("waits twice as long after every failure, up to the most, and a success makes it forget", () => {
  const schedule = createWorkSchedule(backoff);
  const delays: number[] = [];
  let now = 0;
  schedule.add("a");
  for (let i = 0; i < 12; i++) {
    expect(schedule.take(now)).toBe("a");
    const delay = schedule.failed("a", now, 1);
    delays.push(delay);
    expect(schedule.nextAt()).toBe(now + delay);
    expect(schedule.take(now + delay - 1)).toBeUndefined();
    now += delay;
  }
  expect(delays).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000, 60_000]);
  expect(schedule.take(now)).toBe("a");
  schedule.done("a");
  schedule.add("a");
  schedule.take(now);
  expect(schedule.failed("a", now, 0)).toBe(100);
});

it("what is added during the wait after a failure is due at once, and its failures still count", () => {
  const schedule = createWorkSchedule(backoff);
  schedule.add("a");
  schedule.take(0);
  schedule.failed("a", 0, 1);
  schedule.add("a");
  expect(schedule.take(0)).toBe("a");
  expect(schedule.failed("a", 0, 1)).toBe(400);
});

it("what was added while it was out is due at once when it comes back with a failure", () => {
  const schedule = createWorkSchedule(backoff);
  schedule.add("a");
  schedule.take(0);
  schedule.add("a");
  expect(schedule.failed("a", 0, 1)).toBe(0);
  expect(schedule.take(0)).toBe("a");
});

it("of two times the earlier one counts, and adding it now overtakes both", () => {
  const schedule = createWorkSchedule(backoff);
  schedule.addAt("a", 500);
  schedule.addAt("a", 900);
  schedule.addAt("a", 300);
  expect(schedule.nextAt()).toBe(300);
  expect(schedule.take(299)).toBeUndefined();
  expect(schedule.take(300)).toBe("a");
  schedule.done("a");
  expect(schedule.nextAt()).toBeUndefined();
  schedule.addAt("a", 900);
  schedule.add("a");
  expect(schedule.take(301)).toBe("a");
  schedule.done("a");
  expect(schedule.take(1000)).toBeUndefined();
});

it("a time that comes while the key is out makes it due when it is back", () => {
  const schedule = createWorkSchedule(backoff);
  schedule.add("a");
  schedule.take(0);
  schedule.addAt("a", 10);
  expect(schedule.take(20)).toBeUndefined();
  schedule.done("a");
  expect(schedule.take(20)).toBe("a");
});

it("is under way while it is due, out, or waits after a failure, and not while it is only to be looked at later", () => {
  const schedule = createWorkSchedule(backoff);
  expect(schedule.underWay("a")).toBe(false);
  schedule.addAt("a", 10);
  expect(schedule.underWay("a")).toBe(false);
  schedule.add("a");
  expect(schedule.underWay("a")).toBe(true);
  schedule.take(0);
  expect(schedule.underWay("a")).toBe(true);
  schedule.failed("a", 0, 0);
  expect(schedule.underWay("a")).toBe(true);
  schedule.take(1000);
  schedule.done("a");
  expect(schedule.underWay("a")).toBe(false);
});
