import { execFile } from "node:child_process";
import { access, readFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { promisify } from "node:util";
import { PlatformError, type RuntimeName } from "@hanzo-fn/contract";
import { PYTHON_SDK } from "./sdk.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** A command with what it needs besides the caller's environment. */
export interface TestTool {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

interface PackageJson {
  readonly scripts?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
}

/** The words of `scripts.test` that mean Node's own runner, which needs no npm. */
const NODE_TEST = "node --test";

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

async function typescriptTool(root: string, more: readonly string[], env: Env): Promise<TestTool> {
  const text = await readFile(join(root, "package.json"), "utf8").catch(() => "{}");
  const { scripts, dependencies, devDependencies } = JSON.parse(text) as PackageJson;
  const wanted = Object.keys({ ...dependencies, ...devDependencies });
  const missing = await Promise.all(
    wanted.map(async (name) => ((await exists(join(root, "node_modules", name))) ? [] : [name])),
  );
  if (missing.flat().length > 0) {
    throw new PlatformError("not_found", `${missing.flat().join(", ")} of package.json is not installed`, {
      component: "test",
      next: "npm install",
    });
  }
  // The platform's Node first: it runs TypeScript as it is.
  const path = [dirname(process.execPath), env["PATH"] ?? ""].join(delimiter);
  const script = scripts?.["test"];
  if (script !== undefined && script !== NODE_TEST) {
    return {
      command: "npm",
      args: ["test", ...(more.length === 0 ? [] : ["--", ...more])],
      env: { PATH: path },
    };
  }
  const args = ["--disable-warning=ExperimentalWarning", "--test", ...more];
  return { command: process.execPath, args, env: { PATH: path } };
}

async function hasModule(python: string, name: string, env: Env, cwd: string): Promise<boolean> {
  try {
    await promisify(execFile)(python, ["-c", `import ${name}`], { cwd, env: env as NodeJS.ProcessEnv });
    return true;
  } catch {
    return false;
  }
}

async function pythonTool(
  root: string,
  more: readonly string[],
  env: Env,
  paths: readonly string[],
): Promise<TestTool> {
  const path = [join(root, PYTHON_SDK), root, ...paths, env["PYTHONPATH"] ?? ""].filter(
    (part) => part !== "",
  );
  const own = { PYTHONPATH: path.join(delimiter) };
  const python = "python3";
  if (await hasModule(python, "pytest", { ...env, ...own }, root)) {
    return { command: python, args: ["-m", "pytest", ...more], env: own };
  }
  return { command: python, args: ["-m", "unittest", ...more], env: own };
}

/** The language's own test tool. `paths`: where Python finds the function's dependencies. */
export async function testTool(
  runtime: RuntimeName,
  root: string,
  more: readonly string[],
  env: Env,
  paths: readonly string[],
): Promise<TestTool> {
  switch (runtime) {
    case "typescript":
      return typescriptTool(root, more, env);
    case "python":
      return pythonTool(root, more, env, paths);
    case "go":
      return { command: "go", args: ["test", ...(more.length === 0 ? ["./..."] : more)], env: {} };
    case "rust":
      return { command: "cargo", args: ["test", ...more], env: {} };
    default:
      return runtime satisfies never;
  }
}
