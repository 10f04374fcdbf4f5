import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { coldStartSuite } from "./cold-start.ts";
import { deploySuite } from "./deploy.ts";
import { devSuite } from "./dev.ts";
import { eventsSuite } from "./events.ts";
import { footprintSuite } from "./footprint.ts";
import { invokeSuite } from "./invoke.ts";
import { knativeSuite } from "./knative.ts";
import { loadAverage } from "./machine.ts";
import { routesSuite } from "./routes.ts";
import { runtimesSuite } from "./runtimes.ts";
import type { Row, Suite, SuiteResult } from "./suite.ts";

/** Sorted by name; a new suite is a file and a line here. */
const SUITES: readonly Suite[] = [
  coldStartSuite,
  deploySuite,
  devSuite,
  eventsSuite,
  footprintSuite,
  invokeSuite,
  knativeSuite,
  routesSuite,
  runtimesSuite,
];

function usage(): string {
  const suites = SUITES.map(({ name, description }) => `  ${name.padEnd(12)} ${description}`);
  return `usage: npm run bench -- <suite> [--json FILE] [--smoke]\n\nsuites:\n${suites.join("\n")}`;
}

function table(rows: readonly Row[]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "part");
  const lines = [columns, ...rows.map((row) => columns.map((column) => String(row[column] ?? "")))];
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** A table for each part of a suite whose rows name one, in the order of the first rows. */
function tables(rows: readonly Row[]): string {
  const parts = Map.groupBy(rows, ({ part }) => part);
  const shown = [...parts].map(([part, own]) => {
    const text = table(own);
    return part === undefined ? text : `${part}\n${text}`;
  });
  return shown.join("\n\n");
}

function report(result: SuiteResult): string {
  const conditions = Object.entries(result.conditions).map(([name, value]) => `  ${name}: ${value}`);
  const targets = result.targets.map(
    ({ name, want, got, met }) => `  ${met ? "met  " : "UNMET"} ${name}: want ${want}, got ${got}`,
  );
  return `${result.suite}\n${conditions.join("\n")}\n\n${tables(result.rows)}\n\n${targets.join("\n")}`;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "string" }, smoke: { type: "boolean", default: false } },
});
const suite = SUITES.find(({ name }) => name === positionals[0]);
if (suite === undefined) {
  console.error(usage());
  process.exitCode = 2;
} else {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort(new Error("interrupted")));
  try {
    const measured = await suite.run(interrupted.signal, { smoke: values.smoke });
    const result = { ...measured, conditions: { ...measured.conditions, load_after: loadAverage() } };
    console.log(report(result));
    if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(result, null, 2)}\n`);
  } catch (error) {
    console.error(`the measurement is invalid: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
  }
}
