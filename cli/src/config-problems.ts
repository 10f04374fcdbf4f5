import type { LoadedConfig } from "@hanzo-fn/contract";
import type { Output } from "./output.ts";

/** Prints what is wrong with a configuration; false where something is. */
export function isUsable(output: Output, { problems }: LoadedConfig): boolean {
  if (problems.length === 0) return true;
  output.problem(`error: the configuration has ${problems.length} problems`);
  for (const problem of problems) {
    const place = problem.line === undefined ? "" : `${problem.line}:${problem.column ?? 1} `;
    const suggestion = problem.suggestion === undefined ? "" : ` — ${problem.suggestion}`;
    output.problem(`  ${place}${problem.path ?? ""}: ${problem.rule}${suggestion}`);
  }
  return false;
}
