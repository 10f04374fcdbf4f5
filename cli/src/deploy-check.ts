import type { DeployCheckJson } from "@hanzo-fn/contract/api";
import { EXIT } from "./command.ts";
import { exitCodeOf } from "./failure.ts";
import type { Output } from "./output.ts";
import { trafficText } from "./words.ts";

function outcomeLines(check: DeployCheckJson): string[] {
  const { function: name, created, new_revision: isNew, revision, changed, traffic } = check;
  const made = isNew ? `a new revision ${revision}` : `no new revision: ${revision} is current`;
  const shares = traffic.length === 0 ? "none until it is routed" : trafficText(traffic);
  return [
    `${name} would be ${created ? "made" : "updated"}, with ${made}`,
    ...(changed.length > 0 ? [`  applied at once: ${changed.join(", ")}`] : []),
    `  traffic once it is ready: ${shares} (${check.traffic_mode})`,
  ];
}

/** Prints what a deploy would do; gives the exit code, which is that of the first thing that would be refused. */
export async function reportCheck(output: Output, check: DeployCheckJson): Promise<number> {
  for (const warning of check.warnings) output.note(`  warning: ${warning}`);
  await output.result(
    check,
    () => outcomeLines(check).forEach((line) => output.line(line)),
    () => [check.revision],
  );
  for (const { code, message, next } of check.problems) {
    output.problem(`error: ${message} (${code})`);
    if (next !== undefined) output.problem(`  next: ${next}`);
  }
  output.note(
    check.ok ? "Nothing was stored or built." : "It would be refused. Nothing was stored or built.",
  );
  const first = check.problems[0];
  return first === undefined ? EXIT.ok : exitCodeOf(first.code);
}
