import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFile, cp, link, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readableByOthers, type RuntimeLaunch } from "@hanzo-fn/engine";
import { emitServer } from "@hanzo/functions/emit";
import { findPython, type Python } from "./python.ts";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL("../../../runtimes", import.meta.url));

export interface Runtimes {
  readonly launches: Readonly<Record<"python" | "typescript", RuntimeLaunch>>;
  readonly python: Python | undefined;
  readonly node: string;
}

export interface RuntimeSettings {
  readonly python?: string | undefined;
  readonly node?: string | undefined;
}

/** Sizes and times of all files below: enough to notice that an installed copy is stale. */
async function stampOf(folder: string, extra: string): Promise<string> {
  const hash = createHash("sha256").update(extra);
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("__pycache__"))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  for (const file of files) {
    const { size, mtimeMs } = await stat(file);
    hash.update(`${file}\n${size}\n${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

/** Installs anew where the stamp differs; in place by rename, so that a killed start leaves no half. */
async function installed(
  target: string,
  stamp: string,
  fill: (folder: string) => Promise<void>,
): Promise<string> {
  const mark = join(target, ".stamp");
  if ((await readFile(mark, "utf8").catch(() => "")) === stamp) return target;
  const fresh = `${target}.${process.pid}.new`;
  await rm(fresh, { recursive: true, force: true });
  await mkdir(fresh, { mode: 0o755 });
  await fill(fresh);
  await writeFile(join(fresh, ".stamp"), stamp);
  await rm(target, { recursive: true, force: true });
  await rename(fresh, target);
  return target;
}

/** The interpreter itself, or a link to it (a copy on another file system) where other users cannot reach it. */
async function reachableNode(node: string, folder: string, forOthers: boolean): Promise<string> {
  if (!forOthers || readableByOthers(node)) return node;
  const stamp = String((await stat(node)).mtimeMs);
  const target = await installed(join(folder, "node"), stamp, async (fresh) => {
    const path = join(fresh, "node");
    await link(node, path).catch(() => copyFile(node, path));
  });
  return join(target, "node");
}

function isServerFile(path: string): boolean {
  return !["__pycache__", "tests", "templates"].includes(basename(path));
}

/** Runtime servers in the data directory, where instances of any user can read them, and how each is started. */
export async function installRuntimes(
  folder: string,
  settings: RuntimeSettings,
  signal: AbortSignal,
): Promise<Runtimes> {
  const forOthers = process.getuid?.() === 0;
  const [python, node] = await Promise.all([
    findPython(settings.python, forOthers),
    reachableNode(settings.node ?? process.execPath, folder, forOthers),
  ]);
  const pythonSource = join(SOURCES, "python");
  const pythonStamp = await stampOf(pythonSource, python?.executable ?? "");
  const pythonDir = await installed(join(folder, "python"), pythonStamp, async (fresh) => {
    await cp(pythonSource, fresh, { recursive: true, filter: isServerFile });
    // Instances may not write here, and would compile the server anew at every boot.
    if (python !== undefined) await run(python.executable, ["-m", "compileall", "-q", fresh]).catch(() => {});
  });
  const typescriptStamp = await stampOf(join(SOURCES, "typescript", "src"), process.version);
  const typescriptDir = await installed(join(folder, "typescript"), typescriptStamp, async (fresh) => {
    await emitServer(fresh, process.execPath, signal);
  });
  return {
    python,
    node,
    launches: {
      python: {
        command: python?.executable ?? "python3",
        args: ["-I", "-S", join(pythonDir, "server_main.py")],
        env: {},
        ...(python === undefined
          ? { unavailable: "Python 3.10 or newer is not installed on this machine" }
          : {}),
      },
      typescript: {
        command: node,
        args: [
          "--disable-warning=ExperimentalWarning",
          "--enable-source-maps",
          join(typescriptDir, "server", "main.js"),
        ],
        env: {},
      },
    },
  };
}
