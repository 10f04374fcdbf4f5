import { describe, expect, it } from "vitest";
import { firesBetween, lastFireBetween, nextFire } from "./next-fire.ts";
import { createSchedules } from "./schedules.ts";

const schedules = createSchedules();

function fires(expression: string, zone: string, after: string, count: number): string[] {
  const until = new Date(Date.UTC(2200, 0));
  return [...firesBetween(schedules.read(expression, zone), new Date(after), until).take(count)].map((fire) =>
    fire.toISOString().replace(":00.000Z", "Z"),
  );
}

describe("where Berlin sets its clock from 02:00 to 03:00, at 01:00 UTC on 29 March 2026", () => {
  it.each([
    ["30 2 * * *", ["2026-03-29T01:00Z", "2026-03-30T00:30Z"]],
    ["0,30 2 * * *", ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]],
    ["0 2,3 * * *", ["2026-03-29T01:00Z", "2026-03-30T00:00Z"]],
    ["30 * * * *", ["2026-03-29T00:30Z", "2026-03-29T01:30Z"]],
    ["30 */2 * * *", ["2026-03-29T01:00Z", "2026-03-29T02:30Z"]],
  ])("%s fires at %j", (expression, expected) => {
    expect(fires(expression, "Europe/Berlin", "2026-03-28T23:45:00Z", 2)).toEqual(expected);
  });
});

describe("where Berlin sets its clock from 03:00 back to 02:00, at 01:00 UTC on 25 October 2026", () => {
  it.each([
    ["30 2 * * *", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]],
    ["*/30 2 * * *", ["2026-10-25T00:00Z", "2026-10-25T00:30Z", "2026-10-26T01:00Z"]],
    ["30 * * * *", ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T02:30Z"]],
    ["30 */2 * * *", ["2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T03:30Z"]],
  ])("%s fires at %j", (expression, expected) => {
    expect(fires(expression, "Europe/Berlin", "2026-10-24T23:45:00Z", expected.length)).toEqual(expected);
  });

  it("does not fire again when it is asked between the two", () => {
    expect(fires("30 2 * * *", "Europe/Berlin", "2026-10-25T01:15:00Z", 1)).toEqual(["2026-10-26T01:30Z"]);
  });
});

it("fires at midnight what Nuuk skips of the day before", () => {
  expect(fires("30 23 * * 6", "America/Nuuk", "2026-03-28T12:00:00Z", 1)).toEqual(["2026-03-29T01:00Z"]);
});

it("fires once for the day that Samoa skipped", () => {
  expect(fires("0 8 30 12 *", "Pacific/Apia", "2011-06-01T00:00:00Z", 1)).toEqual(["2011-12-30T10:00Z"]);
});

describe("nextFire", () => {
  it.each([
    ["0 0 29 2 *", "2026-01-01T00:00:00Z", ["2028-02-29T00:00Z", "2032-02-29T00:00Z"]],
    ["0 0 29 2 *", "2096-03-01T00:00:00Z", ["2104-02-29T00:00Z"]],
    ["0 0 L * *", "2026-01-31T00:00:00Z", ["2026-02-28T00:00Z", "2026-03-31T00:00Z"]],
    ["0 0 31W * *", "2026-01-01T00:00:00Z", ["2026-01-30T00:00Z", "2026-03-31T00:00Z", "2026-05-29T00:00Z"]],
    ["0 0 1W * *", "2026-02-01T00:00:00Z", ["2026-02-02T00:00Z", "2026-03-02T00:00Z", "2026-04-01T00:00Z"]],
    ["0 0 * * 5#5", "2026-01-01T00:00:00Z", ["2026-01-30T00:00Z", "2026-05-29T00:00Z"]],
    ["0 0 * * friL", "2026-01-01T00:00:00Z", ["2026-01-30T00:00Z", "2026-02-27T00:00Z"]],
    ["0 0 * 2 1#5", "2026-01-01T00:00:00Z", ["2044-02-29T00:00Z"]],
    ["0 0 13 * 5", "2026-02-01T00:00:00Z", ["2026-02-06T00:00Z", "2026-02-13T00:00Z", "2026-02-20T00:00Z"]],
    ["0 0 * * 7", "2026-02-01T00:00:00Z", ["2026-02-08T00:00Z"]],
    [
      "50/4 23 31 12 ?",
      "2026-02-01T00:00:00Z",
      ["2026-12-31T23:50Z", "2026-12-31T23:54Z", "2026-12-31T23:58Z"],
    ],
    ["@every 90m", "2026-02-01T00:10:00Z", ["2026-02-01T01:30Z", "2026-02-01T03:00Z"]],
  ])("of %s after %s", (expression, after, expected) => {
    expect(fires(expression, "UTC", after, expected.length)).toEqual(expected);
  });

  it("is after the moment given, to the millisecond", () => {
    const schedule = schedules.read("0 0 * * *", "UTC");
    const midnight = Date.UTC(2026, 5, 1);
    expect(nextFire(schedule, new Date(midnight - 1))?.getTime()).toBe(midnight);
    expect(nextFire(schedule, new Date(midnight))?.getTime()).toBe(midnight + 86_400_000);
  });

  it("is the same whatever else was asked, of more schedules than are kept compiled", () => {
    const read = (): (Date | undefined)[] =>
      Array.from({ length: 300 }, (_, i) =>
        nextFire(schedules.read(`${i % 60} ${i % 24} * * *`, "Asia/Kathmandu"), new Date(Date.UTC(2026, 0))),
      );
    expect(read()).toEqual(read());
    expect(read()[61]?.toISOString()).toBe("2026-01-01T07:16:00.000Z");
  });
});

describe("lastFireBetween", () => {
  it.each([
    ["0 2 * * *", "2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z", "2026-03-31T02:00:00.000Z"],
    ["0 2 * * *", "2026-03-01T00:00:00Z", "2026-03-31T02:00:00Z", "2026-03-31T02:00:00.000Z"],
    ["0 2 * * *", "2026-03-31T02:00:00Z", "2026-03-31T12:00:00Z", undefined],
    ["* * * 1 *", "2020-03-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-01-31T23:59:00.000Z"],
    ["@every 1m30s", "2020-03-01T00:00:00Z", "2026-11-01T00:00:01Z", "2026-11-01T00:00:00.000Z"],
  ])("of %s, after %s and up to %s", (expression, after, until, expected) => {
    const last = lastFireBetween(schedules.read(expression, "UTC"), new Date(after), new Date(until));
    expect(last?.toISOString()).toBe(expected);
  });
});

describe("a schedule that cannot be read", () => {
  it.each([
    ["0 2 * *", "UTC", "the schedule of a cron trigger `0 2 * *` is wrong: must have 5 fields"],
    ["0 2 30 2 *", "UTC", "never fires: no such month has a day 30"],
    ["@daily", "Mars/Olympus", "the timezone of a cron trigger `Mars/Olympus` is no IANA time zone"],
  ])("%s in %s", (expression, zone, message) => {
    expect(() => schedules.read(expression, zone)).toThrow(message);
    expect(() => schedules.read(expression, zone)).toThrow(
      expect.objectContaining({ code: "invalid_manifest" }),
    );
  });
});
