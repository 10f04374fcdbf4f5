import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import type { SerializedError } from "vitest";
import type { Reporter, TestModule } from "vitest/node";

interface Ending {
  readonly name: string;
  readonly reason: string;
}

export interface Counts {
  passed: number;
  failed: Ending[];
  skipped: Ending[];
}

/** Of what was thrown: enough to know why, where the output of the run itself is gone. */
const LINES = 20;

function reasonOf(error: { readonly message?: string } | undefined): string {
  return error?.message?.split("\n", LINES).join("\n  ") ?? "no reason given";
}

/** Writes how many tests passed, and which failed and were skipped, and why, to the file in TEST_COUNTS. */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default class CountingReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const failed = errors.map((error) => ({ name: "outside any test", reason: reasonOf(error) }));
    const counts: Counts = { passed: 0, failed, skipped: [] };
    for (const module of modules) {
      for (const error of module.errors())
        counts.failed.push({ name: module.relativeModuleId, reason: reasonOf(error) });
      for (const test of module.children.allTests()) {
        const result = test.result();
        if (result.state === "passed") counts.passed++;
        else if (result.state === "failed")
          counts.failed.push({
            name: `${module.relativeModuleId} > ${test.fullName}`,
            reason: reasonOf(result.errors[0]),
          });
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
