import { describe, expect, it } from "vitest";
import { behaviourOf, isPoison } from "./behaviour.ts";
import { FAULT_KINDS, kindsFor, planFaults, type PlannedFault } from "./plan.ts";
import { randomFrom } from "./random.ts";

function firstOf(seed: number, count: number): PlannedFault[] {
  const settings = { kinds: FAULT_KINDS, replicas: 3, gapMs: 1000 };
  return planFaults(randomFrom(seed, "faults"), settings).take(count).toArray();
}

describe("a plan of faults", () => {
  it("is the same for the same seed, and another for another", () => {
    expect(firstOf(7, 30)).toEqual(firstOf(7, 30));
    expect(firstOf(7, 30)).not.toEqual(firstOf(8, 30));
  });

  it("has every kind once before any comes again, and hits every replica", () => {
    const kinds = firstOf(3, 2 * FAULT_KINDS.length).map(({ kind }) => kind);
    expect(kinds.slice(0, FAULT_KINDS.length).toSorted()).toEqual([...FAULT_KINDS].toSorted());
    expect(kinds.slice(FAULT_KINDS.length).toSorted()).toEqual([...FAULT_KINDS].toSorted());
    expect(new Set(firstOf(3, 60).map(({ slot }) => slot))).toEqual(new Set([0, 1, 2]));
  });

  it("leaves out the servers that are not there", () => {
    expect(kindsFor("embedded", ["kill", "cut-nats", "crash-kafka"])).toEqual(["kill"]);
    expect(kindsFor("real", ["kill", "cut-nats"])).toEqual(["kill", "cut-nats"]);
  });
});

describe("the function", () => {
  it("fails poison always, and everything else in its first two attempts at most", () => {
    const keys = Array.from({ length: 2000 }, (_, n) => `${n}`);
    expect(keys.filter(isPoison).length).toBeGreaterThan(0);
    for (const key of keys) {
      const bad = ["fails", "hangs"].includes(behaviourOf(1, key, 3));
      expect(bad).toBe(isPoison(key));
    }
    const first = new Set(keys.map((key) => behaviourOf(1, key, 1)));
    expect([...first].toSorted()).toEqual(["fails", "hangs", "slowly", "well"]);
  });
});
