import { spawn, type ChildProcess } from "node:child_process";
import type { DatabaseUser } from "./user.ts";

/** Programs of PostgreSQL see nothing of our environment. */
const ENVIRONMENT: NodeJS.ProcessEnv = { PATH: "/usr/bin:/bin", LANG: "C", LC_ALL: "C", TZ: "UTC" };

export function spawnAs(
  user: DatabaseUser,
  file: string,
  args: readonly string[],
  options: { readonly cwd: string; readonly detached?: boolean },
): ChildProcess {
  return spawn(file, [...args], {
    cwd: options.cwd,
    env: ENVIRONMENT,
    stdio: ["ignore", "pipe", "pipe"],
    // Own process group: a Ctrl-C in the terminal is for us, and we stop the database after everything else.
    detached: options.detached ?? false,
    ...(user.switched && { uid: user.uid, gid: user.gid }),
  });
}

export interface RunResult {
  readonly code: number | null;
  /** Both streams together. */
  readonly output: string;
}

/** Runs to the end; rejects only where the program cannot be started. */
export function run(
  user: DatabaseUser,
  file: string,
  args: readonly string[],
  options: { readonly cwd: string },
): Promise<RunResult> {
  return new Promise((resolve, reject) => {
    const child = spawnAs(user, file, args, options);
    let output = "";
    const take = (chunk: Buffer): void => void (output += chunk.toString());
    child.stdout?.on("data", take);
    child.stderr?.on("data", take);
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
}
