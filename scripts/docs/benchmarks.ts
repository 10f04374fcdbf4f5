import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { table } from "./table.ts";

const RESULTS = path.resolve(import.meta.dirname, "../../benchmarks/results");

interface Result {
  readonly suite: string;
  readonly conditions: Readonly<Record<string, string | number>>;
  readonly rows: ReadonlyArray<Readonly<Record<string, string | number>>>;
  readonly targets: ReadonlyArray<{
    readonly name: string;
    readonly want: string;
    readonly got: number;
    readonly met: boolean;
  }>;
}

const INTRODUCTION = `# Benchmarks

<!-- Made from benchmarks/results by \`node scripts/generate-docs.ts\`: edit those, or what makes them. -->

What the project wants to reach and what it measured, one section a suite. Each was one run on one machine: the
ratios between its rows say more than the absolute figures. To measure on your own machine:

\`\`\`
npm run bench:setup
npm run bench -- <suite> --json benchmarks/results/<suite>.json
node scripts/generate-docs.ts
\`\`\`

\`npm run bench\` lists the suites. A run whose measurement is invalid (a peer that answers errors, a machine too busy
for a throughput) ends with an error and writes nothing; a target that is not met is a result.`;

const words = (name: string): string => name.replaceAll("_", " ");

function rowsTable(rows: Result["rows"]): string {
  const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))].filter((name) => name !== "part");
  return table(
    columns.map(words),
    rows.map((row) => columns.map((column) => String(row[column] ?? ""))),
  );
}

/** A table for each part of a suite whose rows name one. */
function rowsTables(rows: Result["rows"]): string {
  const parts = Map.groupBy(rows, ({ part }) => part);
  const shown = [...parts].map(([part, own]) => {
    const text = rowsTable(own);
    return part === undefined
      ? text
      : `### ${String(part).replace(/^./, (first) => first.toUpperCase())}\n\n${text}`;
  });
  return shown.join("\n\n");
}

function targetsTable(targets: Result["targets"]): string {
  return table(
    ["target", "want", "got", "met"],
    targets.map(({ name, want, got, met }) => [name, want, String(got), met ? "yes" : "**no**"]),
  );
}

function conditionsTable(conditions: Result["conditions"]): string {
  return table(
    ["condition", "value"],
    Object.entries(conditions).map(([name, value]) => [words(name), String(value)]),
  );
}

/** One suite's section; `causes` is the hand-written explanation of targets that were not met. */
export function benchmarkSection(result: Result, causes: string): string {
  const unmet = result.targets.filter(({ met }) => !met);
  const parts = [
    `## ${result.suite}`,
    targetsTable(result.targets),
    ...(unmet.length > 0 && causes !== "" ? [`### Cause`, causes] : []),
    rowsTables(result.rows),
    conditionsTable(result.conditions),
  ];
  return parts.join("\n\n");
}

/** `docs/benchmarks.md` from the committed results. */
export async function benchmarksPage(): Promise<string> {
  const files = (await readdir(RESULTS)).filter((name) => name.endsWith(".json")).toSorted();
  const sections = files.map(async (file) => {
    const result = JSON.parse(await readFile(path.join(RESULTS, file), "utf8")) as Result;
    const causes = path.join(RESULTS, `${path.basename(file, ".json")}.causes.md`);
    return benchmarkSection(result, (await readFile(causes, "utf8").catch(() => "")).trim());
  });
  return `${[INTRODUCTION, ...(await Promise.all(sections))].join("\n\n")}\n`;
}
