import { spawn, type ChildProcessByStdio } from "node:child_process";
import type { Readable } from "node:stream";
import { watchUse, type UseLimits } from "./use-limits.ts";

export interface ToolOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  /** Programs put before the command; see `Confinement`. */
  readonly prefix?: readonly string[] | undefined;
  readonly timeoutMs: number;
  readonly limits?: UseLimits | undefined;
  /** Every line as it comes, of either stream. */
  readonly onLine?: ((line: string, from: "stdout" | "stderr") => void) | undefined;
  readonly signal: AbortSignal;
}

export type ToolResult =
  /** The command could not be started: `ENOENT`, `EACCES`. */
  | { readonly kind: "missing"; readonly reason: string }
  | { readonly kind: "timeout"; readonly output: string }
  /** It used more than it may; `reason` says what, in words. */
  | { readonly kind: "limit"; readonly reason: string; readonly output: string }
  | { readonly kind: "exit"; readonly code: number; readonly output: string; readonly stdout: string };

const MAX_OUTPUT = 256 * 1024;
const MAX_LINE = 64 * 1024;

/** Keeps the last part: that is where a tool says what went wrong. */
function createTail(): { push(chunk: string): void; text(): string } {
  let text = "";
  return {
    push(chunk) {
      text += chunk;
      if (text.length > 2 * MAX_OUTPUT) text = text.slice(-MAX_OUTPUT);
    },
    text: () => text.slice(-MAX_OUTPUT),
  };
}

function createLines(onLine: (line: string) => void): { push(chunk: string): void; end(): void } {
  let rest = "";
  return {
    push(chunk) {
      const lines = (rest + chunk).split("\n");
      rest = (lines.pop() ?? "").slice(0, MAX_LINE);
      for (const line of lines) onLine(line);
    },
    end() {
      if (rest !== "") onLine(rest);
    },
  };
}

/** Ends the whole process group: a tool's helpers must not outlive it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function start(
  command: readonly string[],
  options: ToolOptions,
): ChildProcessByStdio<null, Readable, Readable> {
  const [file = "", ...args] = [...(options.prefix ?? []), ...command];
  return spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    ...options.runAs,
  });
}

/**
 * Runs one command with nothing of the platform but what `options` gives it: no input, no environment, a group
 * of its own that is ended with it. Rejects with the signal's reason; everything else is a result.
 */
export async function runTool(command: readonly string[], options: ToolOptions): Promise<ToolResult> {
  options.signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<ToolResult>();
  const child = start(command, options);
  const all = createTail();
  const stdout = createTail();
  for (const from of ["stdout", "stderr"] as const) {
    const lines = createLines((line) => options.onLine?.(line, from));
    child[from].setEncoding("utf8").on("data", (chunk: string) => {
      all.push(chunk);
      if (from === "stdout") stdout.push(chunk);
      lines.push(chunk);
    });
    child[from].once("end", () => lines.end());
  }
  let ended: { readonly kind: "timeout" } | { readonly kind: "limit"; readonly reason: string } | undefined;
  const end = (how: NonNullable<typeof ended>): void => {
    ended ??= how;
    killGroup(child.pid);
  };
  const timer = setTimeout(() => end({ kind: "timeout" }), options.timeoutMs);
  const unwatch = watchUse(child.pid, options.limits, (reason) => end({ kind: "limit", reason }));
  const onAbort = (): void => killGroup(child.pid);
  options.signal.addEventListener("abort", onAbort, { once: true });
  child.once("error", (error: NodeJS.ErrnoException) => {
    resolve({ kind: "missing", reason: error.code ?? error.message });
  });
  // What the tool left running in its group holds the pipes open: it ends with the tool.
  child.once("exit", () => killGroup(child.pid));
  child.once("close", (code) => {
    if (options.signal.aborted) reject(options.signal.reason as Error);
    else if (ended) resolve({ ...ended, output: all.text() });
    else resolve({ kind: "exit", code: code ?? -1, output: all.text(), stdout: stdout.text() });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    unwatch();
    options.signal.removeEventListener("abort", onAbort);
  }
}
