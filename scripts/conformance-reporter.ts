import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** One case of the suite, or what failed around cases. */
export interface CaseResult {
  readonly language: string;
  readonly suite: string;
  readonly name: string;
  readonly state: "passed" | "failed" | "absent" | "not run";
  /** The reason of an absence, the message of a failure. */
  readonly note: string;
}

/** Writes every case to the file in CONFORMANCE_RESULTS. */
// oxlint-disable-next-line import/no-default-export -- vitest loads a reporter by its default export
export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: ReadonlyArray<{ message: string }>): void {
    const results = [...modules.flatMap(casesOf), ...errors.map(({ message }) => around("", "", message))];
    const file = process.env["CONFORMANCE_RESULTS"];
    if (file !== undefined) writeFileSync(file, JSON.stringify(results));
  }
}

function casesOf(module: TestModule): CaseResult[] {
  const found: CaseResult[] = [];
  for (const test of module.children.allTests()) {
    const [language = "", suite = "", ...name] = test.fullName.split(" > ");
    const result = test.result();
    const reason = "note" in result ? result.note : undefined;
    const absent = result.state === "skipped" && reason !== undefined;
    found.push({
      language,
      suite,
      name: name.join(" > "),
      state: absent
        ? "absent"
        : result.state === "passed" || result.state === "failed"
          ? result.state
          : "not run",
      note: reason ?? result.errors?.map(({ message }) => message).join("\n") ?? "",
    });
  }
  for (const suite of module.children.allSuites()) {
    for (const { message } of suite.errors()) {
      const [language = "", name = ""] = suite.fullName.split(" > ");
      found.push(around(language, name, message));
    }
  }
  for (const { message } of module.errors()) found.push(around("", module.moduleId, message));
  return found;
}

function around(language: string, suite: string, message: string): CaseResult {
  return { language, suite, name: "what stands around the cases", state: "failed", note: message };
}
