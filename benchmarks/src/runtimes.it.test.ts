import { describe, expect, it } from "vitest";
import { runtimesSuite } from "./runtimes.ts";

describe("the suite runtimes", () => {
  it("measures every part of what interprets its functions", { timeout: 240_000 }, async () => {
    const { rows, targets } = await runtimesSuite.run(AbortSignal.timeout(230_000), { smoke: true });
    const partsOf = (language: string): unknown[] => [
      ...new Set(rows.filter((row) => row["language"] === language).map((row) => row["part"])),
    ];
    expect(partsOf("typescript")).toEqual([
      "hello, the server alone on one core",
      "overhead of the SDK: data, a header, a line of the log",
      "deploy of a changed constant, until the first 200 with it",
      "cold start",
      "memory of an idle instance",
    ]);
    expect(partsOf("python")).toEqual(partsOf("typescript"));
    expect(targets.map(({ name }) => name)).toContain("python, PSS of an idle instance alone, MB");
    expect(targets.filter(({ got }) => !Number.isFinite(got))).toEqual([]);
  });
});
