/**
 * `npm test`: the checks and every tier of tests; ends with `N passed, N failed, N skipped`.
 * `--long` runs the longer tier instead (more kill points, a longer open loop and fuzz, models and bodies of 100 MB in
 * four languages, the oldest Node that functions may use, the SDK of Rust with its models, the images and the
 * conformance suite inside them) and adds the counts of the run before it.
 * `--strict-skips` (in .ci/run): a skip counts as a failure unless it needs a GPU or the contract lists it as absent.
 */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { goTests, pythonTests, rustTests } from "./language-tests.ts";
import { ROOT, runCommand } from "./run-command.ts";
import type { Counts } from "./test-reporter.ts";

const strict = process.argv.includes("--strict-skips");
const ALLOWED_SKIP = /^(needs a GPU|absent by the runtime contract)/;

const CACHE = join(ROOT, ".cache");
const TOTALS = join(CACHE, "test-totals.json");
const OLDEST_NODE = "22.15.0";

async function vitest(
  project: string,
  files: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  const file = join(CACHE, `test-${project}.json`);
  const result = await runCommand(
    "vitest",
    [
      "run",
      "--project",
      project,
      ...files,
      "--reporter",
      "default",
      "--reporter",
      "./scripts/test-reporter.ts",
    ],
    { echo: true, env: { ...env, TEST_COUNTS: file } },
  );
  try {
    const counts = JSON.parse(await readFile(file, "utf8")) as Counts;
    if (result.code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } catch {
    return { passed: 0, failed: 1, skipped: [] };
  }
}

const total: Counts = { passed: 0, failed: 0, skipped: [] };
function add(counts: Counts): void {
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped.push(...counts.skipped);
}

async function everyTier(): Promise<void> {
  const check = await runCommand("node", ["scripts/check.ts", "--no-unit"], { echo: true });
  if (check.code !== 0) add({ passed: 0, failed: 1, skipped: [] });
  for (const project of ["unit", "integration", "e2e"]) add(await vitest(project));
  for (const counts of [await pythonTests(), await goTests(), await rustTests()]) add(counts);
}

async function longTier(): Promise<void> {
  const earlier = await readFile(TOTALS, "utf8").catch(() => undefined);
  if (earlier !== undefined) add(JSON.parse(earlier) as Counts);
  const env = { CRASH_POINTS: "200", REQUESTS: "10000", FUZZ_SECONDS: "60", LONG: "1" };
  const ends = ["crash", "rollout", "new-user", "models", "bad-input-bodies"];
  const files = ends.map((name) => `e2e/${name}.test.ts`);
  add(await vitest("e2e", files, env));
  const parts = ["invoke-proxy/test/fuzz.it.test.ts", "benchmarks/src/runtimes.it.test.ts"];
  add(await vitest("integration", parts, env));
  add(await rustTests(["model"]));
  add(await vitest("images"));
  const folder = join(CACHE, "oldest-node");
  await mkdir(folder, { recursive: true });
  const install = await runCommand("npm", [
    "install",
    "--no-save",
    "--prefix",
    folder,
    `node@${OLDEST_NODE}`,
  ]);
  if (install.code !== 0) console.log(install.output);
  const node = join(folder, "node_modules", "node", "bin", "node");
  const server = join(CACHE, "typescript-server");
  await runCommand("node", ["runtimes/typescript/src/emit-main.ts", server]);
  const under = { CONFORMANCE_NODE: node, CONFORMANCE_SERVER: join(server, "server", "main.js") };
  add(await vitest("integration", ["runtimes/conformance"], under));
}

await (process.argv.includes("--long") ? longTier() : everyTier());
await mkdir(CACHE, { recursive: true });
await writeFile(TOTALS, JSON.stringify(total));

for (const { name, reason } of total.skipped) console.log(`skipped: ${name}: ${reason}`);
const forbidden = strict ? total.skipped.filter(({ reason }) => !ALLOWED_SKIP.test(reason)) : [];
for (const { name } of forbidden) console.log(`FAIL: ${name} may not be skipped here`);
total.failed += forbidden.length;
const skipped = total.skipped.length - forbidden.length;
console.log(`${total.passed} passed, ${total.failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
process.exitCode = total.failed === 0 ? 0 : 1;
