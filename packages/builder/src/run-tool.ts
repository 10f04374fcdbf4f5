import { spawn } from "node:child_process";

export interface ToolOptions {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly runAs?: { readonly uid: number; readonly gid: number } | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export type ToolResult =
  /** The command could not be started: `ENOENT`, `EACCES`. */
  | { readonly kind: "missing"; readonly reason: string }
  | { readonly kind: "timeout"; readonly output: string }
  | { readonly kind: "exit"; readonly code: number; readonly output: string; readonly stdout: string };

const MAX_OUTPUT = 256 * 1024;

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

/** Ends the whole process group: a tool's helpers must not outlive it. */
function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Runs one command with nothing of the platform but what `options` gives it: no input, no environment, a group
 * of its own that is ended with it. Rejects with the signal's reason; everything else is a result.
 */
export async function runTool(command: readonly string[], options: ToolOptions): Promise<ToolResult> {
  options.signal.throwIfAborted();
  const [file = "", ...args] = command;
  const { promise, resolve, reject } = Promise.withResolvers<ToolResult>();
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    stdio: ["ignore", "pipe", "pipe"],
    ...options.runAs,
  });
  const all = createTail();
  const stdout = createTail();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    all.push(chunk);
    stdout.push(chunk);
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => all.push(chunk));
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child.pid);
  }, options.timeoutMs);
  const onAbort = (): void => killGroup(child.pid);
  options.signal.addEventListener("abort", onAbort, { once: true });
  child.once("error", (error: NodeJS.ErrnoException) => {
    resolve({ kind: "missing", reason: error.code ?? error.message });
  });
  // What the tool left running in its group holds the pipes open: it ends with the tool.
  child.once("exit", () => killGroup(child.pid));
  child.once("close", (code) => {
    if (options.signal.aborted) reject(options.signal.reason as Error);
    else if (timedOut) resolve({ kind: "timeout", output: all.text() });
    else resolve({ kind: "exit", code: code ?? -1, output: all.text(), stdout: stdout.text() });
  });
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", onAbort);
  }
}
