import { readFile } from "node:fs/promises";
import path from "node:path";
import { RESULTS, type ImageSize, type Results } from "../conformance/results.ts";
import { cell, type Count, sum } from "../conformance/table.ts";
import { fill, table } from "./table.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const LANGUAGES = ["python", "typescript", "go", "rust"];
const MEGABYTE = 1e6;

type Counts = Results["processes"];

function both(suite: string, language: string, { processes, images }: Results): string {
  return pair(processes[suite]?.[language], images[suite]?.[language]);
}

function pair(process: Count | undefined, image: Count | undefined): string {
  return `${cell(process)} / ${cell(image)}`;
}

function total(counts: Counts, language: string): Count {
  return sum(Object.values(counts).map((row) => row[language]));
}

/** Cases passed as processes and inside images, one row a suite. */
export function conformanceTable(results: Results): string {
  const suites = Object.keys(results.processes);
  const rows = suites.map((suite) => [suite, ...LANGUAGES.map((language) => both(suite, language, results))]);
  const last = LANGUAGES.map((language) =>
    pair(total(results.processes, language), total(results.images, language)),
  );
  return table(["suite", ...LANGUAGES], [...rows, ["**total**", ...last]]);
}

const megabytes = (bytes: number): string => (bytes / MEGABYTE).toFixed(1);

/** One row a layer. */
export function sizesTable(sizes: readonly ImageSize[]): string {
  const rows = sizes.flatMap(({ image, layers }) => [
    ...layers.map(({ what, bytes }) => [image, what, megabytes(bytes)]),
    [image, "**all**", megabytes(layers.reduce((all, { bytes }) => all + bytes, 0))],
  ]);
  return table(["image", "layer", "MB, compressed"], rows);
}

/** `docs/runtimes.md`: its generated parts from the committed results. */
export async function runtimesPage(present: string): Promise<string> {
  const results = JSON.parse(await readFile(path.join(ROOT, RESULTS), "utf8")) as Results;
  return fill(present, {
    conformance: conformanceTable(results),
    conditions: table(["condition", "value"], Object.entries(results.conditions)),
    sizes: sizesTable(results.sizes),
  });
}
