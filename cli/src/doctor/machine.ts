import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { probeConfinement } from "@hanzo-fn/builder";
import { checkIsolation, defaultRunDir, defaultUids } from "@hanzo-fn/engine";
import { closeMemoryRoot, openMemoryRoot } from "@hanzo-fn/instance";
import { findPostgres } from "@hanzo-fn/store";
import { findPython } from "../serve/python.ts";
import { findGo, findRust } from "../serve/toolchains.ts";

const run = promisify(execFile);

/** `absent` is something optional; `weak` a limit that is not enforced; `bad` something that serving needs. */
export interface Finding {
  readonly what: string;
  readonly state: "ok" | "absent" | "weak" | "bad";
  readonly detail: string;
}

type Env = Readonly<Record<string, string | undefined>>;

async function versionOf(command: string, args: readonly string[], env: Env): Promise<string | undefined> {
  try {
    const { stdout } = await run(command, [...args], { timeout: 10_000, env });
    return stdout.trim().split("\n")[0];
  } catch {
    return undefined;
  }
}

async function tool(
  what: string,
  command: string,
  args: readonly string[],
  without: string,
  env: Env,
): Promise<Finding> {
  const version = await versionOf(command, args, env);
  return version === undefined
    ? { what, state: "absent", detail: without }
    : { what, state: "ok", detail: version };
}

function nodeFinding(): Finding {
  const major = Number(process.versions.node.split(".")[0]);
  const detail = `${process.version} at ${process.execPath}`;
  return major >= 24
    ? { what: "node", state: "ok", detail }
    : { what: "node", state: "bad", detail: `${detail}: the platform needs 24; npm ci installs it` };
}

async function pythonFindings(env: Env): Promise<Finding[]> {
  const python = await findPython(env["HANZO_FN_LOCAL_PYTHON"], process.getuid?.() === 0);
  if (python === undefined) {
    return [
      {
        what: "python",
        state: "absent",
        detail: "Python 3.10 or newer is not installed: Python functions cannot run",
      },
    ];
  }
  const pip = await tool(
    "pip",
    python.executable,
    ["-m", "pip", "--version"],
    "functions with requirements.txt or pyproject.toml cannot be built",
    env,
  );
  return [{ what: "python", state: "ok", detail: `${python.version} at ${python.executable}` }, pip];
}

/** What compiles functions, or why there is none of them on this machine. */
async function compilerFindings(): Promise<Finding[]> {
  const [go, rust] = await Promise.all([findGo(), findRust()]);
  const finding = (what: string, language: string, found: typeof go | typeof rust): Finding =>
    found.missing === undefined
      ? { what, state: "ok", detail: `${found.version} at ${found.root}` }
      : { what, state: "absent", detail: `${found.missing}: ${language} functions cannot run` };
  return [finding("go", "Go", go), finding("rust", "Rust", rust)];
}

/** What the platform takes from builds on this machine. */
async function buildFindings(): Promise<Finding[]> {
  const isRoot = process.getuid?.() === 0;
  const uids = defaultUids(defaultRunDir(tmpdir(), "doctor"));
  const user = isRoot ? { uid: uids.base, gid: uids.base } : undefined;
  const { offline } = await probeConfinement(user);
  const separate = isRoot
    ? {
        state: "ok" as const,
        detail: "dependencies are installed and compiled as users that own nothing else",
      }
    : { state: "weak" as const, detail: "builds run as the platform's own user: the platform is not root" };
  const alone =
    offline === undefined
      ? { state: "weak" as const, detail: "build scripts of Rust crates reach what this machine reaches" }
      : { state: "ok" as const, detail: "build scripts of Rust crates run without a network" };
  return [
    { what: "builds: user", ...separate },
    { what: "builds: network", ...alone },
  ];
}

function databaseFinding(): Finding {
  try {
    return { what: "postgresql", state: "ok", detail: `embedded, in ${findPostgres()}` };
  } catch (error) {
    return { what: "postgresql", state: "weak", detail: `${(error as Error).message}; set DATABASE_URL` };
  }
}

function isolationFindings(): Finding[] {
  const root = openMemoryRoot();
  if (root !== undefined) closeMemoryRoot(root.root);
  const launch = { command: process.execPath, args: [], env: {} };
  const uids = defaultUids(defaultRunDir(tmpdir(), "doctor"));
  const { items } = checkIsolation({ typescript: launch }, root?.kind ?? "rss", { uids });
  return items.map((item) => ({
    what: `limit: ${item.limit}`,
    state: item.enforced ? ("ok" as const) : ("weak" as const),
    detail: item.detail,
  }));
}

/** What this machine has, lacks and does not hold. */
export async function inspectMachine(env: Env): Promise<Finding[]> {
  const [python, npm, compilers, builds] = await Promise.all([
    pythonFindings(env),
    tool("npm", "npm", ["--version"], "functions with npm dependencies cannot be built", env),
    compilerFindings(),
    buildFindings(),
  ]);
  const linux = process.platform === "linux";
  return [
    {
      what: "system",
      state: linux ? "ok" : "weak",
      detail: linux
        ? `${process.platform} ${process.arch}`
        : `${process.platform}: the local engine is tested on Linux only`,
    },
    nodeFinding(),
    databaseFinding(),
    ...python,
    npm,
    ...compilers,
    ...builds,
    ...isolationFindings(),
  ];
}
