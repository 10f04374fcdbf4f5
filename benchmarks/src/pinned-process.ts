import { spawn, type ChildProcess } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";

const TICKS_PER_SECOND = 100;

/** A process that runs on one core. */
export interface PinnedProcess extends AsyncDisposable {
  readonly pid: number;
  /** Seconds of user and system time so far, children included (nginx works in one). */
  cpuSeconds(): number;
}

/** The fields of `/proc/<pid>/stat` behind the name, or undefined where the process is gone. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Of its threads that live, to the nanosecond, where the kernel keeps such a record. */
function scheduledSeconds(pid: number): number | undefined {
  try {
    return readdirSync(`/proc/${pid}/task`)
      .map((thread) => readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8"))
      .reduce((sum, text) => sum + Number(text.split(" ")[0]) / 1e9, 0);
  } catch {
    return undefined;
  }
}

function cpuSecondsOf(pid: number): number {
  const precise = scheduledSeconds(pid);
  if (precise !== undefined) return precise;
  const fields = statFields(pid);
  return fields === undefined ? Number.NaN : (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

/** Found by the parent's id, since not every kernel lists a process's children. */
function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => statFields(other)?.[1] === String(pid));
}

/** A port that is free at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
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

/**
 * Starts a command on one core and waits until its port accepts connections. Its standard output is a pipe that is
 * read and dropped, as the platform reads the log of an instance, where `output` says so.
 */
export async function startPinned(
  core: number,
  command: readonly string[],
  port: number,
  signal: AbortSignal,
  environment: NodeJS.ProcessEnv = {},
  output: "dropped" | "read" = "dropped",
): Promise<PinnedProcess> {
  const child = spawn("taskset", ["-c", String(core), ...command], {
    stdio: ["ignore", output === "read" ? "pipe" : "ignore", "inherit"],
    env: { ...process.env, ...environment },
  });
  child.stdout?.resume();
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
    pid,
    cpuSeconds: () => [pid, ...childrenOf(pid)].reduce((sum, each) => sum + cpuSecondsOf(each), 0),
    [Symbol.asyncDispose]: dispose,
  };
}
