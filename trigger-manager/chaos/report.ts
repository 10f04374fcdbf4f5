import type { SourceReport } from "./invariants.ts";
import type { RunResult } from "./run.ts";

const COLUMNS = ["accepted", "executed", "parked", "lost", "duplicates", "bound"] as const;
/** Of a list of what is wrong, so many lines. */
const SHOWN = 10;

function row(source: SourceReport): string {
  const cells = COLUMNS.map((name) => {
    const value = source[name];
    return String(typeof value === "number" ? value : value.length).padStart(10);
  });
  return `${source.source.padEnd(8)}${cells.join("")}  ${source.passed ? "ok" : "FAILED"}`;
}

function complaints({ source, lost, unexplained, problems }: SourceReport): string[] {
  const all = [
    ...lost.map((one) => `lost: ${one}`),
    ...unexplained.map((one) => `ran twice without a fault: ${one}`),
    ...problems,
  ];
  const more = all.length > SHOWN ? [`and ${all.length - SHOWN} more`] : [];
  return [...all.slice(0, SHOWN), ...more].map((text) => `${source}: ${text}`);
}

function lagLine({ source, lags }: SourceReport): string[] {
  if (lags === undefined) return [];
  const { answered, unanswered, wrong } = lags;
  return [
    `${source.padEnd(8)}lag read: ${answered} answered, ${unanswered} unanswered; ${wrong.length} not true`,
  ];
}

/** The report as it is printed; ends with a line of counts. */
export function printReport({ sources, evidence, surprises }: RunResult): string {
  const kinds = Map.groupBy(evidence.faults, ({ kind }) => kind);
  const faults = [...kinds].map(([kind, all]) => `${all.length} ${kind}`).toSorted();
  const failed = sources.filter(({ passed }) => !passed).length + (surprises.length > 0 ? 1 : 0);
  return [
    `faults: ${faults.join(", ") || "none"}`,
    `${"".padEnd(8)}${COLUMNS.map((name) => name.padStart(10)).join("")}`,
    ...sources.map(row),
    ...sources.flatMap(lagLine),
    ...sources.flatMap(complaints),
    ...surprises,
    `${sources.length + (surprises.length === 0 ? 1 : 0) - sources.filter(({ passed }) => !passed).length} passed, ${failed} failed`,
  ].join("\n");
}

/** The same for machines, with every fault. */
export function reportJson(seed: number, { sources, evidence, surprises, passed }: RunResult): string {
  return `${JSON.stringify({ seed, passed, sources, faults: evidence.faults, surprises }, null, 2)}\n`;
}
