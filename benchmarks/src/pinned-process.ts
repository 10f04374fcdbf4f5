import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { connect } from "node:net";

const TICKS_PER_SECOND = 100;

/** A process that runs on one core. */
export interface PinnedProcess extends AsyncDisposable {
  /** Seconds of user and system time so far, children included (nginx works in one). */
  cpuSeconds(): number;
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return text === "" ? [] : text.split(" ").map(Number);
}

async function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
}

async function listening(child: ChildProcess, port: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + 10_000;
  while (!(await accepts(port))) {
    signal.throwIfAborted();
    if (child.exitCode !== null) throw new Error(`${child.spawnfile} exited with ${child.exitCode}`);
    if (Date.now() > deadline) throw new Error(`nothing listens on port ${port} after 10 s`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Starts a command on one core and waits until its port accepts connections. */
export async function startPinned(
  core: number,
  command: readonly string[],
  port: number,
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv = {},
): Promise<PinnedProcess> {
  const child = spawn("taskset", ["-c", String(core), ...command], {
    stdio: ["ignore", "ignore", "inherit"],
    env: { ...process.env, ...environment },
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const dispose = async (): Promise<void> => {
    child.kill("SIGTERM");
    const killer = setTimeout(() => child.kill("SIGKILL"), 3000);
    await exited;
    clearTimeout(killer);
  };
  try {
    await listening(child, port, signal);
  } catch (error) {
    await dispose();
    throw error;
  }
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command[0]} did not start`);
  return {
    cpuSeconds: () => [pid, ...childrenOf(pid)].reduce((sum, each) => sum + cpuSecondsOf(each), 0),
    [Symbol.asyncDispose]: dispose,
  };
}
