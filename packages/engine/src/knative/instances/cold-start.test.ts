import { describe, expect, it } from "vitest";
import { coldStartOf, type BehindActivator } from "./cold-start.ts";

const cold = (more: Partial<BehindActivator>) =>
  coldStartOf({
    elapsedMs: 1500,
    atZero: true,
    coldStart: "boot=300.5, load=99.5",
    durationMs: "100.0",
    ...more,
  });

describe("the cold start of a call behind the activator", () => {
  it("has the phases that the answer names, and the rest is the queue", () => {
    const phasesMs = { queue: 1000, boot: 300.5, load: 99.5 };
    expect(cold({})).toEqual({ totalMs: 1400, phasesMs });
    expect(cold({ atZero: false })).toEqual({ totalMs: 1400, phasesMs });
  });

  it("is the queue alone for those who waited with the first", () => {
    expect(cold({ coldStart: undefined })).toEqual({ totalMs: 1400, phasesMs: { queue: 1400 } });
  });

  it.each<[string, Partial<BehindActivator>]>([
    ["there was an instance", { coldStart: undefined, atZero: false }],
    ["it was answered sooner than anything starts", { coldStart: undefined, elapsedMs: 149 }],
    ["the header is none of the runtime's", { coldStart: "yes", atZero: false }],
    ["the header has a negative time", { coldStart: "boot=-1, load=0", atZero: false }],
  ])("is none where %s", (_, more) => {
    expect(cold(more)).toBeUndefined();
  });

  it("never has phases longer than the whole, as where the instance was started for another call", () => {
    const coldStart = "boot=300, load=40";
    expect(cold({ elapsedMs: 50, coldStart, durationMs: undefined })).toEqual({
      totalMs: 50,
      phasesMs: { queue: 0, boot: 10, load: 40 },
    });
    expect(cold({ elapsedMs: 50, coldStart, durationMs: "80.0" })?.totalMs).toBe(0);
  });

  it("takes a duration that is no number for none", () => {
    expect(cold({ elapsedMs: 60, durationMs: "soon" })?.totalMs).toBe(60);
  });
});
