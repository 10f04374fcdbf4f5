import { describe, expect, it } from "vitest";
import { type DesiredFunction, revisionRef } from "../engine.ts";
import { checkWish } from "./check.ts";

const launch = { command: "x", args: [], env: {} };
const MACHINE = {
  runtimes: { python: launch, go: { ...launch, unavailable: "Go is not installed on this machine" } },
  memoryBytes: 4 * 2 ** 30,
  maxInstances: 4,
};

function wish(runtime: string, memoryBytes = 2 ** 28, minInstances = 0): DesiredFunction {
  const one = (number: number, of: string) => ({
    ...{ ref: revisionRef("acme", "f", number), runtime: of, entry: "handler.run", sourceDigest: "sha256:0" },
    ...{
      environment: {},
      secrets: {},
      cpuMillis: 100,
      memoryBytes,
      timeoutMs: 1000,
      concurrency: 1,
      percent: 0,
    },
  });
  const scaling = { minInstances, maxInstances: 9, targetConcurrency: 1, scaleDownDelayMs: 0 };
  return { org: "acme", function: "f", scaling, revisions: [one(2, runtime), one(1, "python")] };
}

describe("the local engine's look at a wish", () => {
  it("finds nothing where the machine can run it", () => {
    expect(checkWish(MACHINE, wish("python"))).toEqual({ refused: [], warnings: [] });
    expect(checkWish(MACHINE, { ...wish("python"), revisions: [] })).toEqual({ refused: [], warnings: [] });
  });

  it("refuses a runtime that the machine has not, in the words of the start", () => {
    const { refused } = checkWish(MACHINE, wish("go"));
    expect(refused).toMatchObject([
      { code: "unsupported", message: expect.stringContaining("Go is not installed on this machine") },
    ]);
    expect(checkWish(MACHINE, wish("cobol")).refused).toMatchObject([{ code: "unsupported" }]);
  });

  it("warns of more memory and more instances than there are", () => {
    const { refused, warnings } = checkWish(MACHINE, wish("python", 8 * 2 ** 30, 5));
    expect(refused).toEqual([]);
    expect(warnings).toEqual([
      "resources.memory: 8Gi is more than the 4Gi of this machine",
      "scaling.min_instances: this machine holds 4 instances of all functions together (local.max_instances)",
    ]);
  });
});
