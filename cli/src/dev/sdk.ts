import { lstat, mkdir, readFile, readlink, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RuntimeName } from "@hanzo-fn/contract";

/** The folder of the platform's runtimes. */
export const RUNTIMES_FOLDER = fileURLToPath(new URL("../../../runtimes", import.meta.url)).replace(
  /\/$/,
  "",
);
export const PYTHON_SDK = join(".hanzo", "sdk", "python");

const GO_MODULES = [
  { module: "github.com/hanzoai/functions/sdk", folder: "go" },
  { module: "github.com/hanzoai/functions/sdk/onnx", folder: join("go", "onnx") },
];
const NOTICE = "written by hanzo-fn; git and deploys leave this file out";

/** A link that is ours, or nothing, becomes this one; what somebody put there stays. */
async function putLink(path: string, target: string): Promise<void> {
  const there = await lstat(path).catch(() => undefined);
  if (there !== undefined && !there.isSymbolicLink()) return;
  if (there !== undefined) {
    if ((await readlink(path)) === target) return;
    await rm(path);
  }
  await mkdir(dirname(path), { recursive: true });
  await symlink(target, path);
}

/** A file that is ours (it says so), or nothing, becomes this one; an author's own stays. */
async function putFile(path: string, text: string): Promise<void> {
  const there = await readFile(path, "utf8").catch(() => undefined);
  if (there === text || (there !== undefined && !there.includes(NOTICE))) return;
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

function goWork(): string {
  const replaced = GO_MODULES.map(
    ({ module, folder }) => `\t${module} => ${join(RUNTIMES_FOLDER, folder)}\n`,
  ).join("");
  return `// ${NOTICE}\ngo 1.22\n\nuse .\n\nreplace (\n${replaced})\n`;
}

function cargoConfig(): string {
  const path = JSON.stringify(join(RUNTIMES_FOLDER, "rust"));
  return `# ${NOTICE}\n[patch.crates-io]\nhanzo_functions = { path = ${path} }\n`;
}

/**
 * Lets the language's own tools and an editor find the platform's copy of its SDK from a function's folder, which may
 * lie anywhere. What is written is for this machine alone, and written again by every `dev` and `test`.
 */
export async function linkSdk(root: string, runtime: RuntimeName): Promise<void> {
  switch (runtime) {
    case "typescript":
      return putLink(join(root, "node_modules", "@hanzo", "functions"), join(RUNTIMES_FOLDER, "typescript"));
    case "python":
      return putLink(join(root, PYTHON_SDK), join(RUNTIMES_FOLDER, "python", "sdk"));
    case "go":
      return putFile(join(root, "go.work"), goWork());
    case "rust":
      return putFile(join(root, ".cargo", "config.toml"), cargoConfig());
    default:
      return runtime satisfies never;
  }
}
