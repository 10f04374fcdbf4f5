/**
 * `npm test`: the checks and every tier of tests; ends with `N passed, N failed, N skipped`.
 * `--long` runs the longer tier instead (more kill points, a longer open loop and fuzz, fire times in every time zone,
 * streams through kafkajs, models and bodies of 100 MB in four languages, the oldest Node that functions may use, the SDK
 * of Rust with its models, the images and the conformance suite inside them), `--cluster` the tier that needs a cluster
 * (docs/cluster.md); both add the counts of the run before them.
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

function failure(name: string, reason: string): Counts {
  return { passed: 0, failed: [{ name, reason }], skipped: [] };
}

/** The files of one project or, together so that no core waits for the last of one, of several. */
async function vitest(
  project: string | readonly string[],
  files: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Counts> {
  const projects = [project].flat();
  const name = projects.join("-");
  const file = join(CACHE, `test-${name}.json`);
  const result = await runCommand(
    "vitest",
    [
      "run",
      ...projects.flatMap((one) => ["--project", one]),
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
    if (result.code !== 0 && counts.failed.length === 0)
      counts.failed.push({ name, reason: `vitest ended with ${result.code}` });
    return counts;
  } catch {
    return failure(name, `vitest ended with ${result.code} and counted nothing`);
  }
}

const total: Counts = { passed: 0, failed: [], skipped: [] };
function add(counts: Counts): void {
  total.passed += counts.passed;
  total.failed.push(...counts.failed);
  total.skipped.push(...counts.skipped);
}

async function everyTier(): Promise<void> {
  const check = await runCommand("node", ["scripts/check.ts", "--no-unit"], { echo: true });
  if (check.code !== 0) add(failure("npm run check", `it ended with ${check.code}`));
  for (const projects of ["unit", ["integration", "e2e"]]) add(await vitest(projects));
  for (const counts of [await pythonTests(), await goTests(), await rustTests()]) add(counts);
}

async function addEarlier(): Promise<void> {
  const earlier = await readFile(TOTALS, "utf8").catch(() => undefined);
  if (earlier !== undefined) add(JSON.parse(earlier) as Counts);
}

/** In a cluster of `npm run cluster -- up`, which is started where none runs. */
async function clusterTier(): Promise<void> {
  await addEarlier();
  for (const project of ["cluster", "knative"]) add(await vitest(project));
}

async function longTier(): Promise<void> {
  await addEarlier();
  const env = { CRASH_POINTS: "200", REQUESTS: "10000", FUZZ_SECONDS: "60", LONG: "1" };
  const ends = ["crash", "rollout", "new-user", "models", "bad-input-bodies"];
  const parts = [
    ...ends.map((name) => `e2e/${name}.test.ts`),
    "invoke-proxy/test/fuzz.it.test.ts",
    "benchmarks/src/runtimes.it.test.ts",
    "trigger-manager/src/cron/every-zone.it.test.ts",
    "trigger-manager/src/inference/killed.it.test.ts",
    "trigger-manager/src/stream/kafka/kafkajs.it.test.ts",
  ];
  add(await vitest(["e2e", "integration"], parts, env));
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

const tier = (name: string): boolean => process.argv.includes(`--${name}`);
await (tier("long") ? longTier() : tier("cluster") ? clusterTier() : everyTier());
await mkdir(CACHE, { recursive: true });
await writeFile(TOTALS, JSON.stringify(total));

const forbidden = strict ? total.skipped.filter(({ reason }) => !ALLOWED_SKIP.test(reason)) : [];
for (const { name, reason } of forbidden)
  total.failed.push({ name, reason: `it may not be skipped here: ${reason}` });
const skipped = total.skipped.filter((skip) => !forbidden.includes(skip));
// Failures come last, where whoever reads the end of a long output finds them.
for (const [reason, skips] of Map.groupBy(skipped, (skip) => skip.reason)) {
  console.log(`skipped, ${reason}:`);
  for (const name of new Set(skips.map((skip) => skip.name))) console.log(`  ${name}`);
}
for (const { name, reason } of total.failed) console.log(`FAIL: ${name}: ${reason}`);
const rest = skipped.length > 0 ? `, ${skipped.length} skipped` : "";
console.log(`${total.passed} passed, ${total.failed.length} failed${rest}`);
process.exitCode = total.failed.length === 0 ? 0 : 1;
