import { expect, test } from "vitest";
import { shareOut } from "./share-out.ts";

/** Rounds in which everybody acts on the same facts, until nothing moves any more. */
function settle(partitions: number, owners: Map<string, number[]>): number {
  const members = [...owners.keys()];
  for (let round = 1; ; round++) {
    let moved = 0;
    for (const me of members) {
      const mine = owners.get(me) ?? [];
      const { release, claim } = shareOut({ partitions, members, me, mine });
      const taken = new Set([...owners.values()].flat());
      const free = Array.from({ length: partitions }, (_, i) => i).filter((one) => !taken.has(one));
      const next = [...mine.filter((one) => !release.includes(one)), ...free.slice(0, claim)];
      moved += release.length + Math.min(claim, free.length);
      owners.set(me, next);
    }
    if (moved === 0) return round;
  }
}

test("members that come, go and come back end with even shares of all partitions, in a few rounds", () => {
  for (const partitions of [1, 2, 3, 8, 17]) {
    for (const count of [1, 2, 3, 5, 20]) {
      const owners = new Map<string, number[]>([["m0", Array.from({ length: partitions }, (_, i) => i)]]);
      for (let i = 1; i < count; i++) owners.set(`m${i}`, []);
      expect(settle(partitions, owners)).toBeLessThanOrEqual(3);
      const shares = [...owners.values()];
      expect(shares.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: partitions }, (_, i) => i));
      const sizes = shares.map(({ length }) => length);
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
    }
  }
});

test("one that nobody else knows yet counts itself", () => {
  expect(shareOut({ partitions: 4, members: ["a"], me: "b", mine: [] })).toEqual({ release: [], claim: 2 });
});
