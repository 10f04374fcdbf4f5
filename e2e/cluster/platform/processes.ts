import { readFile, readdir, readlink } from "node:fs/promises";
import { basename } from "node:path";

/** Every process that the harness starts carries these: what belongs to a run is found without any file of it. */
export const RUN_VARIABLE = "HANZO_FN_CLUSTER_RUN";
export const DAEMON_VARIABLE = "HANZO_FN_CLUSTER_DAEMON";

export interface FoundProcess {
  readonly pid: number;
  readonly parent: number;
  /** The name it was started under, which its children inherit. */
  readonly daemon: string;
  /** Name of its executable file. */
  readonly program: string;
  /** Resident bytes. */
  readonly resident: number;
}

/** The processes of one run that are not zombies. */
export async function processesOf(run: string): Promise<FoundProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(pids.map((pid) => look(pid, run)));
  return found.filter((one) => one !== undefined);
}

async function look(pid: number, run: string): Promise<FoundProcess | undefined> {
  try {
    const variables = (await readFile(`/proc/${pid}/environ`, "utf8")).split("\0");
    if (!variables.includes(`${RUN_VARIABLE}=${run}`)) return undefined;
    const status = await readFile(`/proc/${pid}/status`, "utf8");
    const number = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(status)?.[1] ?? 0);
    const named = variables.find((variable) => variable.startsWith(`${DAEMON_VARIABLE}=`));
    return {
      pid,
      parent: number("PPid"),
      daemon: named?.slice(DAEMON_VARIABLE.length + 1) ?? "",
      // A newer build may have replaced the file since.
      program: basename(await readlink(`/proc/${pid}/exe`)).replace(/ \(deleted\)$/, ""),
      resident: number("VmRSS") * 1024,
    };
  } catch {
    // It ended meanwhile, or is a zombie.
    return undefined;
  }
}

/**
 * Daemon to process. `nsenter` stays outside of the pid namespace as the parent of what it starts; shims and other
 * children of a daemon are not the daemon.
 */
export function daemonsOf(processes: readonly FoundProcess[]): Map<string, FoundProcess> {
  const wrappers = new Set(processes.filter(({ program }) => program === "nsenter").map(({ pid }) => pid));
  const daemons = processes.filter(({ parent, program }) => wrappers.has(parent) && program !== "nsenter");
  return new Map(daemons.map((process) => [process.daemon, process]));
}

/** PID 1 of the cluster as this machine sees it. */
export function initOf(processes: readonly FoundProcess[]): FoundProcess | undefined {
  const parents = new Set(processes.filter(({ program }) => program === "unshare").map(({ pid }) => pid));
  return processes.find(
    ({ parent, daemon, program }) => daemon === INIT && program === "pause" && parents.has(parent),
  );
}

export const INIT = "init";

/** The number of a process in the innermost pid namespace that it is in. */
export async function innerPid(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^NSpid:.*?(\d+)$/m.exec(status)?.[1]);
}
