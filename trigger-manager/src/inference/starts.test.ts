import { describe, expect, test } from "vitest";
import { FROM_THE_BEGINNING, groupStart, isWanted } from "./starts.ts";

const at = (...offsets: number[]): ReadonlyMap<number, number> => new Map(offsets.entries());

describe("a trigger", () => {
  test.each([
    [9, false],
    [10, true],
    [11, true],
  ])("that begins at 10 sees offset %i: %s", (offset, wanted) => {
    expect(isWanted(at(10), at(20), 0, offset)).toBe(wanted);
  });

  test("sees all of a partition that was added after it", () => {
    expect(isWanted(at(10), at(20, 5), 1, 0)).toBe(true);
  });

  test("sees all of a topic that was not there, and of one that was made again", () => {
    expect(isWanted(FROM_THE_BEGINNING, at(3, 3), 1, 0)).toBe(true);
    expect(isWanted(at(1000), at(5), 0, 2)).toBe(true);
    expect(isWanted(at(1000), new Map(), 0, 2)).toBe(true);
  });
});

describe("the group of all triggers", () => {
  test("begins where the first of them does, in each partition", () => {
    expect(groupStart(at(20, 20), new Map(), [at(10, 12), at(11, 7)])).toEqual([
      { partition: 0, nextOffset: 10 },
      { partition: 1, nextOffset: 7 },
    ]);
  });

  test("goes on where it was, and not before anybody wants anything", () => {
    expect(groupStart(at(20), at(15), [at(10)])).toEqual([{ partition: 0, nextOffset: 15 }]);
    expect(groupStart(at(20), at(5), [at(10)])).toEqual([{ partition: 0, nextOffset: 10 }]);
  });

  test("reads a partition that nobody knows from its first record on", () => {
    expect(groupStart(at(20, 20), new Map(), [at(10)])[1]).toEqual({ partition: 1, nextOffset: 0 });
  });

  test("begins anew with a log that does not reach as far as it was", () => {
    expect(groupStart(at(3), at(15), [at(10)])).toEqual([{ partition: 0, nextOffset: 0 }]);
  });
});
