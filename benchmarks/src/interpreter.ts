import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import type { RuntimeName } from "./hello-function.ts";

const COMMANDS: Readonly<Record<RuntimeName, readonly [string, ...string[]]>> = {
  python: ["python3", "-I", "-S", "-c", "print('hello')"],
  typescript: [process.execPath, "-e", "console.log('hello')"],
};

function interpreterPath(runtime: RuntimeName): string {
  if (runtime === "typescript") return process.execPath;
  // The interpreter behind a version manager's script, as the platform uses it.
  const code = "import sys; print(sys.executable)";
  return execFileSync("python3", ["-c", code], { encoding: "utf8" }).trim();
}

/** What the platform cannot do better than without a pool: milliseconds from spawn to the first line, `times` times. */
export async function interpreterBoots(
  runtime: RuntimeName,
  times: number,
  signal: AbortSignal,
): Promise<number[]> {
  const [, ...args] = COMMANDS[runtime];
  const path = interpreterPath(runtime);
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    const child = spawn(path, args, { signal, stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    await once(child.stdout, "data");
    samples.push(performance.now() - began);
    await exited;
  }
  return samples;
}

/** Versions of what runs the functions. */
export function interpreterVersions(): Record<string, string> {
  const python = execFileSync("python3", ["--version"], { encoding: "utf8" }).trim();
  return { python, node: process.version };
}
