/**
 * `npm run conformance [-- <language>...]`: the runtime contract as a program, against every runtime. Prints one line a
 * suite and one column a language; `--json <file>` writes the counts too. Ends with 1 where a case failed.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { CaseResult } from "./conformance-reporter.ts";
import { runCommand } from "./run-command.ts";

/** How many cases of one suite ended in each state. */
type Count = Partial<Record<CaseResult["state"], number>>;

const CONFIG = "runtimes/conformance/vitest.config.ts";
const REPORTER = "./scripts/conformance-reporter.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const directory = await mkdtemp(join(tmpdir(), "hzfn-conformance-"));
try {
  const file = join(directory, "results.json");
  const files = positionals.map((language) => `${language}.it.test.ts`);
  const run = await runCommand("vitest", ["run", "--config", CONFIG, "--reporter", REPORTER, ...files], {
    env: { CONFORMANCE_RESULTS: file },
  });
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(run.output);
  const results = JSON.parse(text) as CaseResult[];
  const table = tabulate(results);
  print(table);
  console.log(`${(run.ms / 1000).toFixed(1)} s`);
  for (const one of results) if (one.state === "failed") explain(one);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(toJson(table), null, 2)}\n`);
  process.exitCode = results.every(({ state }) => state === "passed" || state === "absent") ? run.code : 1;
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** Suite to language to counts, both in the order they ran. */
function tabulate(results: readonly CaseResult[]): Map<string, Map<string, Count>> {
  const table = new Map<string, Map<string, Count>>();
  for (const { language, suite, state } of results) {
    const row = table.get(suite) ?? new Map<string, Count>();
    table.set(suite, row);
    const count = row.get(language) ?? {};
    row.set(language, count);
    count[state] = (count[state] ?? 0) + 1;
  }
  return table;
}

function print(table: ReadonlyMap<string, ReadonlyMap<string, Count>>): void {
  const rows = [...table];
  const languages = [...new Set(rows.flatMap(([, row]) => [...row.keys()]))].toSorted();
  const lines = [
    ["suite", ...languages],
    ...rows.map(([suite, row]) => [suite, ...languages.map((language) => cell(row.get(language)))]),
    ["total", ...languages.map((language) => cell(sum(rows.map(([, row]) => row.get(language)))))],
  ];
  const widths = ["suite", ...languages].map((_, i) =>
    Math.max(...lines.map((line) => (line[i] ?? "").length)),
  );
  for (const line of lines) {
    console.log(
      line
        .map((text, i) => text.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    );
  }
}

function cell(count: Count | undefined): string {
  if (count === undefined) return "-";
  const { passed = 0, failed, absent, "not run": notRun } = count;
  return [
    String(passed),
    ...(failed === undefined ? [] : [`${failed} FAILED`]),
    ...(notRun === undefined ? [] : [`${notRun} not run`]),
    ...(absent === undefined ? [] : [`(${absent} absent)`]),
  ].join(" ");
}

function sum(counts: ReadonlyArray<Count | undefined>): Count {
  const total: Count = {};
  for (const count of counts) {
    for (const [state, n] of Object.entries(count ?? {}) as Array<[CaseResult["state"], number]>)
      total[state] = (total[state] ?? 0) + n;
  }
  return total;
}

function explain({ language, suite, name, note }: CaseResult): void {
  console.log(`\nFAILED ${language} > ${suite} > ${name}\n${note.split("\n").slice(0, 12).join("\n")}`);
}

function toJson(table: ReadonlyMap<string, ReadonlyMap<string, Count>>): unknown {
  return Object.fromEntries([...table].map(([suite, row]) => [suite, Object.fromEntries(row)]));
}
