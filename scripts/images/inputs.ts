import { createHash } from "node:crypto";
import { execFile } from "node:child_process";
import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { promisify } from "node:util";
import type { ImageRuntime } from "@hanzo-fn/oci";
import { ROOT } from "../run-command.ts";

const run = promisify(execFile);

/** Files and folders that decide about an image, besides the tools. */
const RECIPES = ["packages/oci/src", "scripts/images.ts", "scripts/images"];
const OWN: Readonly<Record<ImageRuntime, readonly string[]>> = {
  python: ["runtimes/python"],
  typescript: ["runtimes/typescript/src", "runtimes/typescript/types"],
  go: ["runtimes/go/agent", "runtimes/go/go.mod"],
  rust: ["runtimes/rust/agent"],
};
const TOOLS: Readonly<Record<ImageRuntime, readonly [string, ...string[]] | undefined>> = {
  python: undefined,
  typescript: [process.execPath, "--version"],
  go: ["go", "version"],
  rust: ["rustc", "--version"],
};
const IRRELEVANT = /(^|\/)(__pycache__|tests|templates|node_modules)(\/|$)|\.test\.ts$/;

/** A hash of all that decides about an image: the same one means that it need not be assembled again. */
export async function inputsOf(runtime: ImageRuntime, packages: string): Promise<string> {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\n`);
  const tool = TOOLS[runtime];
  if (tool !== undefined) hash.update((await run(tool[0], tool.slice(1))).stdout);
  const debs = (await readdir(packages).catch(() => [])).filter((file) => file.endsWith(".deb"));
  hash.update(debs.toSorted().join("\n"));
  for (const path of [...RECIPES, ...OWN[runtime]]) {
    for (const file of await filesOf(join(ROOT, path))) {
      hash.update(`\0${relative(ROOT, file)}\0`).update(await readFile(file));
    }
  }
  return hash.digest("hex");
}

async function filesOf(path: string): Promise<string[]> {
  if ((await stat(path)).isFile()) return [path];
  const found = await readdir(path, { recursive: true, withFileTypes: true });
  return found
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((file) => !IRRELEVANT.test(relative(path, file)))
    .toSorted();
}
