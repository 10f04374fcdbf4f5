/**
 * `npm run conformance [-- <language>...]`: the runtime contract as a program, against every runtime. Prints one line a
 * suite and one column a language; `--json <file>` writes the counts too. Ends with 1 where a case failed.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { runCommand } from "./run-command.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

interface Case {
  readonly ancestorTitles: readonly string[];
  readonly title: string;
  readonly status: "passed" | "failed" | "skipped" | "pending" | "todo" | "disabled";
  readonly failureMessages?: readonly string[];
}

interface Report {
  readonly testResults: ReadonlyArray<{
    readonly assertionResults: readonly Case[];
    readonly message: string;
  }>;
}

const CONFIG = "runtimes/conformance/vitest.config.ts";

const { values, positionals } = parseArgs({ allowPositionals: true, options: { json: { type: "string" } } });
const directory = await mkdtemp(join(tmpdir(), "hzfn-conformance-"));
try {
  const file = join(directory, "report.json");
  const run = await runCommand("vitest", [
    ...["run", "--config", CONFIG, "--reporter", "json", "--outputFile", file],
    ...positionals.map((language) => `${language}.it.test.ts`),
  ]);
  const text = await readFile(file, "utf8").catch(() => undefined);
  if (text === undefined) throw new Error(run.output);
  const report = JSON.parse(text) as Report;
  const cases = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  const table = tabulate(cases);
  print(table, run.ms);
  for (const one of cases) if (one.status === "failed") explain(one);
  for (const { assertionResults, message } of report.testResults)
    if (assertionResults.length === 0) console.log(`\n${message}`);
  if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(toJson(table), null, 2)}\n`);
  process.exitCode = run.code;
} finally {
  await rm(directory, { recursive: true, force: true });
}

/** Suite to language to counts, both in the order they ran. */
function tabulate(cases: readonly Case[]): Map<string, Map<string, Count>> {
  const table = new Map<string, Map<string, Count>>();
  for (const { ancestorTitles, status } of cases) {
    const [language = "", suite = ""] = ancestorTitles;
    const row = table.get(suite) ?? new Map<string, Count>();
    table.set(suite, row);
    const count = row.get(language) ?? { passed: 0, failed: 0, skipped: 0 };
    row.set(language, count);
    count[status === "passed" || status === "failed" ? status : "skipped"] += 1;
  }
  return table;
}

function print(table: ReadonlyMap<string, ReadonlyMap<string, Count>>, ms: number): void {
  const languages = [...new Set([...table.values()].flatMap((row) => [...row.keys()]))];
  const width = Math.max(5, ...[...table.keys()].map(({ length }) => length));
  const cell = (count: Count | undefined): string => {
    if (count === undefined) return "-";
    const failed = count.failed === 0 ? "" : ` ${count.failed} FAILED`;
    return `${count.passed}${failed}${count.skipped === 0 ? "" : ` (${count.skipped} absent)`}`;
  };
  const line = (name: string, cells: readonly string[]): void =>
    console.log([name.padEnd(width), ...cells.map((text) => text.padEnd(18))].join("  ").trimEnd());
  line("suite", languages);
  for (const [suite, row] of table)
    line(
      suite,
      languages.map((language) => cell(row.get(language))),
    );
  line(
    "total",
    languages.map((language) => cell(sum([...table.values()].map((row) => row.get(language))))),
  );
  console.log(`${(ms / 1000).toFixed(1)} s`);
}

function sum(counts: ReadonlyArray<Count | undefined>): Count {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const count of counts) {
    total.passed += count?.passed ?? 0;
    total.failed += count?.failed ?? 0;
    total.skipped += count?.skipped ?? 0;
  }
  return total;
}

function explain({ ancestorTitles, title, failureMessages = [] }: Case): void {
  const [message = ""] = failureMessages;
  console.log(
    `\nFAILED ${[...ancestorTitles, title].join(" > ")}\n${message.split("\n").slice(0, 12).join("\n")}`,
  );
}

function toJson(table: ReadonlyMap<string, ReadonlyMap<string, Count>>): unknown {
  return Object.fromEntries([...table].map(([suite, row]) => [suite, Object.fromEntries(row)]));
}
