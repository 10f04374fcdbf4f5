import { spawn } from "node:child_process";

export interface CommandOptions {
  readonly cwd?: string | undefined;
  /** Added to this process's own environment. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly input?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Runs a program to its end and gives its standard output; throws with its last lines where it fails. */
export type Command = (program: string, args: readonly string[], options?: CommandOptions) => Promise<string>;

const SHOWN_LINES = 15;

export const runCommand: Command = (program, args, options = {}) =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      signal: options.signal,
      stdio: ["pipe", "pipe", "pipe"],
    });
    let stdout = "";
    let all = "";
    child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
      stdout += chunk;
      all += chunk;
    });
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => (all += chunk));
    // A program that ends before it reads says why itself.
    child.stdin.on("error", () => {});
    child.stdin.end(options.input);
    child.once("error", (error) => reject(new Error(`${program}: ${error.message}`, { cause: error })));
    child.once("close", (code, signal) => {
      if (code === 0) return resolve(stdout);
      const why = all.trim().split("\n").slice(-SHOWN_LINES).join("\n");
      reject(new Error(`${program} ${args.join(" ")} ended with ${code ?? signal}:\n${why}`));
    });
  });
