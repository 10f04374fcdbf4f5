import type { CaseResult } from "../conformance-reporter.ts";

/** How many cases of one suite ended in each state. */
export type Count = Partial<Record<CaseResult["state"], number>>;
/** Suite to language to counts, both in the order they ran. */
export type Table = ReadonlyMap<string, ReadonlyMap<string, Count>>;

export function tabulate(results: readonly CaseResult[]): Table {
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

/** The table as lines of text, with totals. */
export function lines(table: Table): string[] {
  const rows = [...table];
  const languages = [...new Set(rows.flatMap(([, row]) => [...row.keys()]))].toSorted();
  const cells = [
    ["suite", ...languages],
    ...rows.map(([suite, row]) => [suite, ...languages.map((language) => cell(row.get(language)))]),
    ["total", ...languages.map((language) => cell(sum(rows.map(([, row]) => row.get(language)))))],
  ];
  const widths = ["suite", ...languages].map((_, i) =>
    Math.max(...cells.map((line) => (line[i] ?? "").length)),
  );
  return cells.map((line) =>
    line
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

export function cell(count: Count | undefined): string {
  if (count === undefined) return "-";
  const { passed = 0, failed, absent, "not run": notRun } = count;
  return [
    String(passed),
    ...(failed === undefined ? [] : [`${failed} FAILED`]),
    ...(notRun === undefined ? [] : [`${notRun} not run`]),
    ...(absent === undefined ? [] : [`(${absent} absent)`]),
  ].join(" ");
}

export function sum(counts: ReadonlyArray<Count | undefined>): Count {
  const total: Count = {};
  for (const count of counts) {
    for (const [state, n] of Object.entries(count ?? {}) as Array<[CaseResult["state"], number]>)
      total[state] = (total[state] ?? 0) + n;
  }
  return total;
}

export function toJson(table: Table): Record<string, Record<string, Count>> {
  return Object.fromEntries([...table].map(([suite, row]) => [suite, Object.fromEntries(row)]));
}
