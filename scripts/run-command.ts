import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export interface CommandResult {
  readonly code: number;
  /** stdout and stderr as they came. */
  readonly output: string;
  /** Alone: lines of stderr may come in the middle of one of stdout. */
  readonly stdout: string;
  readonly ms: number;
}

/** Runs a program of `node_modules/.bin` or the PATH in the repository's root. */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly echo?: boolean; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CommandResult> {
  const started = performance.now();
  const path = [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter);
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, PATH: path, FORCE_COLOR: "0", TURBO_TELEMETRY_DISABLED: "1", ...options.env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let stdout = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  const take = (chunk: Buffer): void => {
    output += chunk.toString("utf8");
    if (options.echo === true) process.stdout.write(chunk);
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  return new Promise((resolve) => {
    child.once("error", (error) =>
      resolve({ code: 127, output: error.message, stdout, ms: performance.now() - started }),
    );
    child.once("close", (code, signal) =>
      resolve({
        code: code ?? 1,
        output: signal === null ? output : `${output}\nended by ${signal}`,
        stdout,
        ms: performance.now() - started,
      }),
    );
  });
}
