import { describe, expect, it } from "vitest";
import { readOptions } from "./options.ts";
import { FAULT_KINDS } from "./plan.ts";

describe("the options of a run", () => {
  it("are a minute of all faults on real brokers, with a fresh seed, where nothing is given", () => {
    expect(readOptions([], 42)).toEqual({
      ...{ seed: 42, minutes: 1, broker: "real", replicas: 3, faults: FAULT_KINDS, perSecond: 20 },
      ...{ report: undefined, keep: undefined, drainSeconds: 180 },
    });
  });

  it("are read from the command line", () => {
    const args = ["--seed", "7", "--minutes", "0.5", "--broker", "embedded", "--faults", "kill,stop"];
    expect(readOptions(args, 42)).toMatchObject({
      ...{ seed: 7, minutes: 0.5, broker: "embedded", faults: ["kill", "stop"] },
    });
    expect(readOptions(["--faults", "none"], 42).faults).toEqual([]);
  });

  it.each([
    [["--seed", "x"], "--seed is a number from 0"],
    [["--seed", "1.5"], "--seed is a whole number"],
    [["--minutes", "0"], "--minutes is a number from 0.05"],
    [["--broker", "rabbit"], "--broker is embedded or real"],
    [["--faults", "kill,flood"], 'there is no fault "flood"'],
    [["--sed", "1"], "Unknown option"],
  ])("are refused as %j", (args, why) => {
    expect(() => readOptions(args, 42)).toThrow(why);
  });
});
