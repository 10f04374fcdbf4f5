import { describe, expect, it } from "vitest";
import { benchmarkSection } from "./docs/benchmarks.ts";
import { fill, table } from "./docs/table.ts";
import { generateDocs, GENERATED_FILES } from "./generate-docs.ts";

describe("the generated documentation", () => {
  it("is what the schemas make of it (else run: node scripts/generate-docs.ts)", async () => {
    expect(await generateDocs(GENERATED_FILES, true)).toEqual([]);
  });

  it("notices a file that is out of date", async () => {
    const stale = [{ path: "docs/manifest.md", generate: () => "something else" }];
    expect(await generateDocs(stale, true)).toEqual(["docs/manifest.md"]);
  });

  it("refuses a part that nothing generates", () => {
    expect(() => fill("<!-- generated: ghost -->\n<!-- end -->", {})).toThrow(
      "nothing generates the part ghost",
    );
  });

  it("escapes what would break a table", () => {
    expect(table(["a"], [["x|y\nz"]])).toContain("x\\|y z");
  });

  it("puts the cause beside a benchmark's target that was not met, and only there", () => {
    const result = (met: boolean) => ({
      suite: "s",
      conditions: { date: "today" },
      rows: [{ subject: "ours", p50_ms: 3 }],
      targets: [{ name: "p50", want: "<= 2", got: 3, met }],
    });
    expect(benchmarkSection(result(false), "The disk.")).toContain(
      "| p50 | <= 2 | 3 | **no** |\n\n### Cause\n\nThe disk.",
    );
    expect(benchmarkSection(result(true), "The disk.")).not.toContain("The disk.");
  });

  it("gives each part of a suite a table of its own columns", () => {
    const rows = [
      { part: "speed", language: "go", p50_us: 3 },
      { part: "memory", language: "go", pss_mb: 4 },
    ];
    const section = benchmarkSection({ suite: "s", conditions: {}, rows, targets: [] }, "");
    expect(section).toContain("### Speed\n\n| language | p50 us |\n");
    expect(section).toContain("### Memory\n\n| language | pss mb |\n");
  });
});
