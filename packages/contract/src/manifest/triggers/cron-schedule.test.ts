import { describe, expect, it } from "vitest";
import { scheduleProblem } from "./cron-schedule.ts";

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
    "@daily",
    "@midnight",
    "@yearly",
    "@every 10s",
    "@every 1h30m",
    "  0  2 * *   * ",
  ])("may be %j", (schedule) => {
    expect(scheduleProblem(schedule)).toBeUndefined();
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
    ["@every", "`@every` needs a duration"],
    ["@every soon", "`@every` needs a duration"],
    ["@every 500ms", "`@every` must be at least 1s"],
    ["@every 9000h", "`@every` must be at most 366d"],
    ["@dayly", "must be one of @yearly, @annually, @monthly, @weekly, @daily, @midnight, @hourly, @every"],
    ["* ".repeat(150), "must have at most 200 characters"],
  ])("may not be %j", (schedule, rule) => {
    expect(scheduleProblem(schedule)?.rule).toBe(rule);
  });

  it("suggests the nickname that was meant", () => {
    expect(scheduleProblem("@dayly")?.suggestion).toBe("did you mean `@daily`?");
  });
});
