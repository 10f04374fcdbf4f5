import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { promisify } from "node:util";
import { checkIsolation, defaultRunDir, defaultUids } from "@hanzo-fn/engine";
import { closeMemoryRoot, openMemoryRoot } from "@hanzo-fn/instance";
import { findPostgres } from "@hanzo-fn/store";
import { findPython } from "../serve/python.ts";

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

function databaseFinding(): Finding {
  try {
    return { what: "postgresql", state: "ok", detail: `embedded, in ${findPostgres()}` };
  } catch (error) {
    return { what: "postgresql", state: "weak", detail: `${(error as Error).message}; set DATABASE_URL` };
  }
}

function isolationFindings(): Finding[] {
  const root = openMemoryRoot(`hanzo-fn-doctor-${process.pid}`);
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
  const unserved = "this build serves python and typescript only, so nothing needs it";
  const [python, npm, go, cargo, java] = await Promise.all([
    pythonFindings(env),
    tool("npm", "npm", ["--version"], "functions with npm dependencies cannot be built", env),
    tool("go", "go", ["version"], unserved, env),
    tool("rust", "cargo", ["--version"], unserved, env),
    tool("java", "java", ["--version"], unserved, env),
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
    go,
    cargo,
    java,
    ...isolationFindings(),
  ];
}
