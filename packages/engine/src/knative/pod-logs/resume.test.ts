import { describe, expect, it } from "vitest";
import { logTimeMs, ReadMark, timedLine, type LogTime } from "./resume.ts";

const at = (nanos: number, seconds = 1): LogTime => ({ seconds, nanos });
const take = (mark: ReadMark, ...times: LogTime[]): boolean[] => times.map((time) => mark.take(time));

describe("a line with its time", () => {
  it.each([
    ["2026-01-01T00:00:01.000000002Z hello", at(2, 1_767_225_601), "hello"],
    ["2026-01-01T01:00:01.5+01:00 a  b", at(500_000_000, 1_767_225_601), "a  b"],
    ["2026-01-01T00:00:01Z ", at(0, 1_767_225_601), ""],
    ["2026-01-01T00:00:01.1Z", at(100_000_000, 1_767_225_601), ""],
  ])("is read: %s", (line, time, text) => {
    expect(timedLine(line)).toEqual({ time, text });
  });

  it.each(["unable to retrieve container logs", "", "2026-13-01T00:00:01Z x"])("is none: %s", (line) => {
    expect(timedLine(line)).toBeUndefined();
  });

  it("has its milliseconds", () => {
    expect(logTimeMs(at(999_999_999, 2))).toBe(2999);
  });
});

describe("how far a log was read", () => {
  it("lets every line through at first, also those of one time", () => {
    expect(take(new ReadMark(), at(1), at(1), at(2))).toEqual([true, true, true]);
  });

  it("knows what comes again after a break, to the line", () => {
    const mark = new ReadMark();
    take(mark, at(1), at(5), at(5));
    mark.reopen();
    expect(mark.since).toEqual(new Date(1000));
    expect(take(mark, at(1), at(5), at(5), at(5), at(6))).toEqual([false, false, false, true, true]);
  });

  it("does not count a line twice over several breaks", () => {
    const mark = new ReadMark();
    take(mark, at(5));
    mark.reopen();
    expect(take(mark, at(5), at(5))).toEqual([false, true]);
    mark.reopen();
    expect(take(mark, at(5), at(5), at(5))).toEqual([false, false, true]);
  });

  it("goes on after what somebody else remembers", () => {
    const mark = new ReadMark(at(500_000_000));
    expect(take(mark, at(1), at(500_000_000), at(500_000_000), at(500_000_001))).toEqual([
      false,
      false,
      false,
      true,
    ]);
  });

  it("begins at the beginning where nothing was read", () => {
    expect(new ReadMark().since).toBeUndefined();
  });
});
