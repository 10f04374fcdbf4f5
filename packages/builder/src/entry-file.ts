import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import type { PlatformError } from "@hanzo-fn/contract";
import { buildFailed } from "./failures.ts";
import { pathProblem } from "./source-tree.ts";

const NODE_EXTENSIONS = ["ts", "mts", "tsx", "js", "mjs", "cjs"] as const;
const MAX_SHOWN = 20;

/** Where the code of an entry may be, the likeliest first: `pkg.module.function`, or `dir/file.export`. */
export function entryCandidates(runtime: string, entry: string): readonly string[] {
  const dot = entry.lastIndexOf(".");
  const stem = dot < 1 ? "" : entry.slice(0, dot);
  if (stem === "") return [];
  if (runtime !== "python") return NODE_EXTENSIONS.map((extension) => `${stem}.${extension}`);
  const path = stem.replaceAll(".", "/");
  return [`${path}.py`, `${path}/__init__.py`];
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}

async function missing(root: string, entry: string, candidates: readonly string[]): Promise<PlatformError> {
  const names = await readdir(root, { withFileTypes: true });
  const shown = names.map((item) => (item.isDirectory() ? `${item.name}/` : item.name)).sort();
  const there = shown.length > MAX_SHOWN ? [...shown.slice(0, MAX_SHOWN), "…"] : shown;
  const tried = candidates.length === 0 ? "no file: an entry is <file>.<name>" : candidates.join(" or ");
  return buildFailed(
    `no file for the entry ${entry}`,
    [{ path: "entry", value: entry, rule: `the source must hold ${tried}` }],
    `the source holds ${there.join(", ")}; correct entry in function.yaml, or add the file`,
  );
}

/** The path of the entry's file below `root`. Throws `build_failed` that names what is there instead. */
export async function findEntryFile(root: string, runtime: string, entry: string): Promise<string> {
  const candidates = entryCandidates(runtime, entry);
  for (const candidate of candidates) {
    if (pathProblem(candidate, 1024) === undefined && (await isFile(join(root, candidate)))) return candidate;
  }
  throw await missing(root, entry, candidates);
}
