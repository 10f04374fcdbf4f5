import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { Reporter, TestModule } from "vitest/node";

export interface Counts {
  passed: number;
  failed: number;
  skipped: { name: string; reason: string }[];
}

/** Writes how many tests passed, failed and were skipped, and why, to the file in TEST_COUNTS. */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    const counts: Counts = { passed: 0, failed: errors.length, skipped: [] };
    for (const module of modules) {
      if (module.errors().length > 0) counts.failed++;
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") counts.passed++;
        else if (result.state === "failed") counts.failed++;
        else
          counts.skipped.push({
            name: test.fullName,
            reason: ("note" in result && result.note) || "no reason given",
          });
      }
    }
    const file = process.env["TEST_COUNTS"];
    if (file === undefined) return;
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, JSON.stringify(counts));
  }
}
