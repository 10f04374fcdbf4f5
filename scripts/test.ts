/**
 * `npm test`: the checks and every tier of tests; ends with `N passed, N failed, N skipped`.
 * `--strict-skips` (in .ci/run): a skip counts as a failure unless it needs a GPU or the contract lists it as absent.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ROOT, runCommand } from "./run-command.ts";
import type { Counts } from "./test-reporter.ts";

const strict = process.argv.includes("--strict-skips");
const ALLOWED_SKIP = /^(needs a GPU|absent by the runtime contract)/;

async function vitest(project: string): Promise<Counts> {
  const file = join(ROOT, ".cache", `test-${project}.json`);
  const result = await runCommand(
    "vitest",
    ["run", "--project", project, "--reporter", "default", "--reporter", "./scripts/test-reporter.ts"],
    { echo: true, env: { TEST_COUNTS: file } },
  );
  try {
    const counts = JSON.parse(await readFile(file, "utf8")) as Counts;
    if (result.code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}

/** The tests of the Python runtime, which are written in Python. */
async function python(): Promise<Counts> {
  const probe = await runCommand("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
  if (probe.code !== 0) {
    return {
      passed: 0,
      failed: 0,
      skipped: [{ name: "runtimes/python", reason: "Python 3.10 or newer is not installed" }],
    };
  }
  const result = await runCommand("python3", ["-m", "unittest", "discover", "-s", "runtimes/python/tests"], {
    echo: true,
  });
  const ran = Number(/^Ran (\d+) tests?/m.exec(result.output)?.[1] ?? 0);
  const bad = [...result.output.matchAll(/(?:failures|errors)=(\d+)/g)].reduce(
    (sum, [, n]) => sum + Number(n),
    0,
  );
  const skipped = Number(/skipped=(\d+)/.exec(result.output)?.[1] ?? 0);
  const failed = result.code === 0 ? 0 : Math.max(1, bad);
  const reasons = Array.from({ length: skipped }, () => ({
    name: "runtimes/python",
    reason: "skipped by unittest",
  }));
  return { passed: Math.max(0, ran - failed - skipped), failed, skipped: reasons };
}

const total: Counts = { passed: 0, failed: 0, skipped: [] };
function add(counts: Counts): void {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped.push(...counts.skipped);
}

const check = await runCommand("node", ["scripts/check.ts", "--no-unit"], { echo: true });
if (check.code !== 0) add({ passed: 0, failed: 1, skipped: [] });
for (const project of ["unit", "integration", "e2e"]) add(await vitest(project));
add(await python());

for (const { name, reason } of total.skipped) console.log(`skipped: ${name}: ${reason}`);
const forbidden = strict ? total.skipped.filter(({ reason }) => !ALLOWED_SKIP.test(reason)) : [];
for (const { name } of forbidden) console.log(`FAIL: ${name} may not be skipped here`);
total.failed += forbidden.length;
const skipped = total.skipped.length - forbidden.length;
console.log(`${total.passed} passed, ${total.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
