import { execFile } from "node:child_process";
import { copyFile, cp, link, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { GoToolchain, RustToolchain } from "@hanzo-fn/builder";
import type { RuntimeName } from "@hanzo-fn/contract";
import { readableByOthers, type RuntimeLaunch } from "@hanzo-fn/engine";
import { emitServer } from "@hanzo/functions/emit";
import { installSdk, reachableToolchain } from "./compiled.ts";
import { installed, stampOf } from "./installed.ts";
import { findPython, type Python } from "./python.ts";
import { findGo, findRust, type Found } from "./toolchains.ts";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL("../../../runtimes", import.meta.url));

export interface Runtimes {
  readonly launches: Readonly<Record<RuntimeName, RuntimeLaunch>>;
  readonly python: Python | undefined;
  readonly node: string;
  /** Undefined where the machine lacks them; the reason is in the launch. */
  readonly go: GoToolchain | undefined;
  readonly rust: RustToolchain | undefined;
}

export interface RuntimeSettings {
  readonly python?: string | undefined;
  readonly node?: string | undefined;
  /** Whether instances run as other users, who have to reach all of it. Default: where this process is root. */
  readonly forOthers?: boolean | undefined;
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

async function pythonServer(folder: string, python: Python | undefined): Promise<string> {
  const source = join(SOURCES, "python");
  const stamp = await stampOf(source, python?.executable ?? "");
  return installed(join(folder, "python"), stamp, async (fresh) => {
    await cp(source, fresh, { recursive: true, filter: isServerFile });
    // Instances may not write here, and would compile the server anew at every boot.
    if (python !== undefined) await run(python.executable, ["-m", "compileall", "-q", fresh]).catch(() => {});
  });
}

async function typescriptServer(folder: string, signal: AbortSignal): Promise<string> {
  const stamp = await stampOf(join(SOURCES, "typescript", "src"), process.version);
  return installed(join(folder, "typescript"), stamp, async (fresh) => {
    await emitServer(fresh, process.execPath, signal);
  });
}

/** Runtime servers in the data directory, where instances of any user can read them, and how each is started. */
export async function installRuntimes(
  folder: string,
  settings: RuntimeSettings,
  signal: AbortSignal,
): Promise<Runtimes> {
  const forOthers = settings.forOthers ?? process.getuid?.() === 0;
  const [python, node] = await Promise.all([
    findPython(settings.python, forOthers),
    reachableNode(settings.node ?? process.execPath, folder, forOthers),
  ]);
  const [pythonDir, typescriptDir, go, rust] = await Promise.all([
    pythonServer(folder, python),
    typescriptServer(folder, signal),
    goToolchain(folder, forOthers),
    rustToolchain(folder, forOthers),
  ]);
  return {
    python,
    node,
    go: go.missing === undefined ? go : undefined,
    rust: rust.missing === undefined ? rust : undefined,
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
      go: compiledLaunch(go),
      rust: compiledLaunch(rust),
    },
  };
}

function compiledLaunch({ missing }: { readonly missing?: string | undefined }): RuntimeLaunch {
  return { command: "", args: [], env: {}, compiled: true, unavailable: missing };
}

async function goToolchain(folder: string, forOthers: boolean): Promise<Found<GoToolchain>> {
  const found = await findGo();
  if (found.missing !== undefined) return found;
  const target = join(folder, "go-toolchain");
  const reachable = await reachableToolchain(found.root, join("bin", "go"), target, forOthers);
  if (reachable.missing !== undefined) return reachable;
  const { root } = reachable;
  const { dir, digest } = await installSdk(join(SOURCES, "go"), join(folder, "go"));
  return { command: join(root, "bin", "go"), root, version: found.version, sdk: dir, sdkDigest: digest };
}

async function rustToolchain(folder: string, forOthers: boolean): Promise<Found<RustToolchain>> {
  const found = await findRust();
  if (found.missing !== undefined) return found;
  const target = join(folder, "rust-toolchain");
  const reachable = await reachableToolchain(found.root, join("bin", "rustc"), target, forOthers);
  if (reachable.missing !== undefined) return reachable;
  const { root } = reachable;
  const { dir, digest } = await installSdk(join(SOURCES, "rust"), join(folder, "rust"));
  const [cargo, rustc] = [join(root, "bin", "cargo"), join(root, "bin", "rustc")];
  return { cargo, rustc, version: found.version, host: found.host, sdk: dir, sdkDigest: digest };
}
