/** `npm run check`: format, lint, types, boundaries, dead code, generated pages, unit tests. Under 30 s. */
import { runCommand } from "./run-command.ts";

const STEPS: readonly (readonly [string, string, readonly string[]])[] = [
  // The longest first, so that nothing is left to run alone behind the others.
  ["unit tests", "vitest", ["run", "--project", "unit", "--reporter", "dot"]],
  ["format", "oxfmt", ["--check"]],
  ["lint", "oxlint", ["--deny-warnings"]],
  ["types", "tsc", ["--noEmit"]],
  ["boundaries", "turbo", ["boundaries", "--no-color"]],
  ["dead code", "knip", ["--no-progress"]],
  ["generated pages", "node", ["scripts/generate-docs.ts", "--check"]],
];

const started = performance.now();
let failed = 0;
// Two at a time: the machines have two cores, and the steps wait on nothing.
const queue = STEPS.filter(([name]) => name !== "unit tests" || !process.argv.includes("--no-unit"));
async function work(): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const [name, command, args] = step;
    const result = await runCommand(command, args);
    console.log(`${result.code === 0 ? "ok  " : "FAIL"} ${name} (${(result.ms / 1000).toFixed(1)} s)`);
    if (result.code !== 0) {
      failed++;
      console.log(result.output.trimEnd());
    }
  }
}
await Promise.all([work(), work()]);
console.log(
  `check: ${failed === 0 ? "ok" : `${failed} failed`} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
);
process.exitCode = failed === 0 ? 0 : 1;
