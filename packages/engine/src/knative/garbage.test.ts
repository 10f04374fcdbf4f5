import { describe, expect, it } from "vitest";
import { imagesToRemove, revisionsToRemove, type KeptRevision } from "./garbage.ts";

const DAY = 86_400_000;
const NOW = 100 * DAY;
const RETENTION = { revisions: 2, minAgeMs: DAY };

function revisions(count: number, more: Record<number, Partial<KeptRevision>> = {}): KeptRevision[] {
  return Array.from({ length: count }, (_, index) => {
    const number = index + 1;
    return { number, percent: 0, createdAtMs: number * DAY, ...more[number] };
  });
}

describe("revisions that may go", () => {
  it("are those beyond the newest and as many as are kept", () => {
    expect(revisionsToRemove(revisions(6), RETENTION, NOW)).toEqual([1, 2, 3]);
    expect(revisionsToRemove(revisions(3), RETENTION, NOW)).toEqual([]);
    expect(revisionsToRemove([], RETENTION, NOW)).toEqual([]);
  });

  it("have no traffic, are not pinned, and did not have the traffic last", () => {
    const list = revisions(8, {
      1: { percent: 10 },
      2: { pinned: true },
      3: { lastTrafficAtMs: 9 },
      8: { percent: 90 },
    });
    expect(revisionsToRemove(list, RETENTION, NOW)).toEqual([4, 5]);
  });

  it("are not young, however many there are", () => {
    expect(revisionsToRemove(revisions(6), RETENTION, 3 * DAY)).toEqual([1]);
  });
});

describe("images that may go", () => {
  it("belong to no revision, and were not pushed just now", () => {
    const stored = ["c", "b", "a"].map((digest) => ({ digest, pushedAtMs: 0 }));
    const young = { digest: "d", pushedAtMs: NOW - 1 };
    expect(imagesToRemove([...stored, young], new Set(["b"]), RETENTION, NOW)).toEqual(["a", "c"]);
  });
});
