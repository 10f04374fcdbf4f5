import { describe, expect, it } from "vitest";
import { type CalendarSchedule, isTimeZone, parseSchedule } from "./cron-schedule.ts";

describe("a cron schedule", () => {
  it.each([
    "0 2 * * *",
    "0 */6 * * *",
    "*/10 * * * * *",
    "0 0 1,15 * mon-fri",
    "5-59/10 8-18 * JAN-MAR,dec 0-7",
    "0 0 L * *",
    "0 0 15W * *",
    "0 0 * * 5#3",
    "0 0 * * friL",
    "0 0 29 2 *",
    "0 0 30 2 1",
    "0 0 ? * 1",
    "0 0 30,L feb *",
    "0 0 * * mon-sun",
    "@daily",
    "@midnight",
    "@yearly",
    "@every 10s",
    "@every 1h30m",
    "  0  2 * *   * ",
  ])("may be %j", (schedule) => {
    expect(parseSchedule(schedule)).not.toHaveProperty("refused");
  });

  it.each([
    ["", "must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has 0"],
    ["* * *", "must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has 3"],
    [
      "* * * * * * *",
      "must have 5 fields (minute hour day month weekday), or 6 with leading seconds; this has 7",
    ],
    ["60 * * * *", "minute is from 0 to 59"],
    ["* 24 * * *", "hour is from 0 to 23"],
    ["* * 0 * *", "day of month is from 1 to 31"],
    ["* * 32 * *", "day of month is from 1 to 31"],
    ["* * * 13 *", "month is from 1 to 12"],
    ["* * * * 8", "day of week is from 0 to 7"],
    ["60 * * * * *", "second is from 0 to 59"],
    ["*/0 * * * *", "the step of minute is from 1 to 59"],
    ["*/99 * * * *", "the step of minute is from 1 to 59"],
    ["5-1 * * * *", "the range 5-1 of minute runs backwards"],
    ["a * * * *", "`a` is no minute"],
    ["1,,2 * * * *", "`` is no minute"],
    ["1- * * * *", "`1-` is no minute"],
    ["*-5 * * * *", "`*-5` is no minute"],
    ["* * * foo *", "`foo` is no month"],
    ["0 0 30 2 *", "never fires: no such month has a day 30"],
    ["0 0 31 4,6,9,11 *", "never fires: no such month has a day 31"],
    ["0 0 30-31 feb *", "never fires: no such month has a day 30 or 31"],
    ["0 0 30W 2 ?", "never fires: no such month has a day 30W"],
    ["0 0 0W * *", "day of month is from 1 to 31"],
    ["0 0 * * 8L", "day of week is from 0 to 7"],
    ["0 0 * * mon#6", "`mon#6` is no day of week"],
    ["0 0 ?,1 * *", "`?` is no day of month"],
    ["? 0 * * *", "`?` is no minute"],
    ["@every", "`@every` needs a duration"],
    ["@every soon", "`@every` needs a duration"],
    ["@every 500ms", "`@every` must be at least 1s"],
    ["@every 9000h", "`@every` must be at most 366d"],
    ["@dayly", "must be one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every"],
    ["* ".repeat(150), "must have at most 200 characters"],
  ])("may not be %j", (schedule, rule) => {
    expect(parseSchedule(schedule)).toMatchObject({ refused: true, rule });
  });

  it("suggests the nickname that was meant", () => {
    expect(parseSchedule("@dayly")).toMatchObject({ suggestion: "did you mean `@daily`?" });
  });

  const read = (text: string): CalendarSchedule => {
    const schedule = parseSchedule(text);
    if ("refused" in schedule || schedule.kind !== "calendar") throw new Error(`${text} is no calendar`);
    return schedule;
  };

  it("is read into what each field names", () => {
    expect(read("5-59/20,7 */6 1,L,15W JAN-mar fri#3,7,sunL")).toEqual({
      kind: "calendar",
      seconds: [0],
      minutes: [5, 7, 25, 45],
      hours: [0, 6, 12, 18],
      wildcardHours: true,
      months: [1, 2, 3],
      days: [1, "L", "15W"],
      weekdays: ["5#3", 0, "0L"],
    });
  });

  it.each([
    ["50/3 * * * *", "minutes", [50, 53, 56, 59]],
    ["*/30 0 0 * * *", "seconds", [0, 30]],
    ["0 0 * * *", "days", undefined],
    ["0 0 * * ?", "weekdays", undefined],
    ["0 0 * * mon-sun", "weekdays", [1, 2, 3, 4, 5, 6, 0]],
    ["0 0 * * */2", "weekdays", [0, 2, 4, 6]],
    ["0 0 * * 0-7", "weekdays", [0, 1, 2, 3, 4, 5, 6]],
    ["@weekly", "weekdays", [0]],
    ["@yearly", "months", [1]],
  ] as const)("%s has the %s %j", (text, field, values) => {
    expect(read(text)[field]).toEqual(values);
  });

  it.each([
    ["0 * * * *", true],
    ["@hourly", true],
    ["0 */2 * * *", true],
    ["0 0-23 * * *", true],
    ["0 8,*/6 * * *", true],
    ["*/5 2 * * *", false],
    ["0 0-22/2 * * *", false],
    ["@daily", false],
  ])("%s has wildcard hours: %j", (text, wildcard) => {
    expect(read(text).wildcardHours).toBe(wildcard);
  });

  it("may be an interval", () => {
    expect(parseSchedule("@every 1h30m")).toEqual({ kind: "interval", everyMs: 5_400_000 });
  });
});

describe("isTimeZone", () => {
  it.each([
    ["Europe/Berlin", true],
    ["UTC", true],
    ["America/Argentina/Buenos_Aires", true],
    ["Mars/Olympus", false],
    ["+02:00", false],
    ["", false],
  ])("%j: %j", (name, known) => {
    expect(isTimeZone(name)).toBe(known);
  });
});
