/**
 * `npm run conformance [-- <language>...]`: the runtime contract as a program, against every runtime as a process. Prints
 * one line a suite and one column a language.
 * `--images` runs it inside each language's image under runc as well, which is assembled where it changed;
 * `--docs` does both, and writes the results and the page that shows them (docs/runtimes.md).
 * Ends with 1 where a case failed.
 */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { noContainers } from "../runtimes/conformance/container.ts";
import { conditions, imageSizes, RESULTS, type Results } from "./conformance/results.ts";
import { lines, tabulate, type Table, toJson } from "./conformance/table.ts";
import type { CaseResult } from "./conformance-reporter.ts";
import { readyImages } from "./images/ready.ts";
import { ROOT, runCommand } from "./run-command.ts";

const CONFIG = "runtimes/conformance/vitest.config.ts";
const REPORTER = "./scripts/conformance-reporter.ts";
const IMAGES = join(ROOT, ".cache", "images");

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { images: { type: "boolean" }, docs: { type: "boolean" } },
});
const docs = values.docs === true;
if (docs && positionals.length > 0) throw new Error("the page shows all languages: leave out their names");

const processes = await suites("as processes", {});
let images: Table | undefined;
if (values.images === true || docs) {
  const reason = noContainers() ?? (await readyImages(positionals));
  if (reason === undefined) images = await suites("inside images", { CONFORMANCE_IMAGES: IMAGES });
  else console.log(`skipped: inside images: ${reason}`);
}
if (docs && images !== undefined && process.exitCode === 0) {
  const results: Results = {
    conditions: conditions(),
    processes: toJson(processes),
    images: toJson(images),
    sizes: await imageSizes(IMAGES),
  };
  await writeFile(join(ROOT, RESULTS), `${JSON.stringify(results, null, 2)}\n`);
  const pages = await runCommand("node", ["scripts/generate-docs.ts"], { echo: true });
  process.exitCode = pages.code;
}

/** Runs every suite once, prints the table and what failed. */
async function suites(title: string, env: Readonly<Record<string, string>>): Promise<Table> {
  const directory = await mkdtemp(join(tmpdir(), "hzfn-conformance-"));
  try {
    const file = join(directory, "results.json");
    const files = positionals.map((language) => `${language}.it.test.ts`);
    const run = await runCommand("vitest", ["run", "--config", CONFIG, "--reporter", REPORTER, ...files], {
      env: { ...env, CONFORMANCE_RESULTS: file },
    });
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text === undefined) throw new Error(run.output);
    const results = JSON.parse(text) as CaseResult[];
    const table = tabulate(results);
    console.log([`${title} (${(run.ms / 1000).toFixed(1)} s)`, ...lines(table), ""].join("\n"));
    for (const one of results) if (one.state === "failed") explain(one);
    const good = results.every(({ state }) => state === "passed" || state === "absent");
    process.exitCode = good ? (process.exitCode ?? 0) : 1;
    if (run.code !== 0) process.exitCode = run.code;
    return table;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function explain({ language, suite, name, note }: CaseResult): void {
  console.log(`FAILED ${language} > ${suite} > ${name}\n${note.split("\n").slice(0, 12).join("\n")}\n`);
}
