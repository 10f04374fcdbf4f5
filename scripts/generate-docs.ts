import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { configJsonSchema, manifestJsonSchema } from "@hanzo-fn/contract";
import { apiPage } from "./docs/api.ts";
import { benchmarksPage } from "./docs/benchmarks.ts";
import { cliPage } from "./docs/cli.ts";
import { configurationPage } from "./docs/configuration.ts";
import { manifestPage } from "./docs/manifest.ts";
import { runtimesPage } from "./docs/runtimes.ts";

/** One generated file: from its present text (empty where it does not exist) to the text it should have. */
export interface GeneratedFile {
  readonly path: string;
  readonly generate: (present: string) => string | Promise<string>;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Everything that is made from the schemas and from committed results; add pages here. */
export const GENERATED_FILES: readonly GeneratedFile[] = [
  { path: "docs/api.md", generate: apiPage },
  { path: "docs/benchmarks.md", generate: benchmarksPage },
  { path: "docs/cli.md", generate: cliPage },
  { path: "docs/configuration.md", generate: configurationPage },
  { path: "docs/manifest.md", generate: manifestPage },
  { path: "docs/runtimes.md", generate: runtimesPage },
  { path: "docs/schema/config.schema.json", generate: () => json(configJsonSchema()) },
  { path: "docs/schema/function.schema.json", generate: () => json(manifestJsonSchema()) },
];

const ROOT = path.resolve(import.meta.dirname, "..");

/** Paths of files that differ from what the schemas make of them; writes them unless `check`. */
export async function generateDocs(files: readonly GeneratedFile[], check: boolean): Promise<string[]> {
  const changed: string[] = [];
  for (const file of files) {
    const full = path.join(ROOT, file.path);
    const present = await readFile(full, "utf8").catch(() => "");
    const wanted = await file.generate(present);
    if (wanted === present) continue;
    changed.push(file.path);
    if (check) continue;
    await mkdir(path.dirname(full), { recursive: true });
    await writeFile(full, wanted);
  }
  return changed;
}

if (import.meta.main) {
  const check = process.argv.includes("--check");
  const changed = await generateDocs(GENERATED_FILES, check);
  for (const file of changed)
    console.log(check ? `${file} is out of date: run node scripts/generate-docs.ts` : `wrote ${file}`);
  process.exitCode = check && changed.length > 0 ? 1 : 0;
}
