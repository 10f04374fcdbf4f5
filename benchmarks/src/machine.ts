import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { arch, cpus, loadavg, platform, release, totalmem } from "node:os";

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}

/** Of the last minute. */
export function loadAverage(): number {
  return Number((loadavg()[0] ?? 0).toFixed(2));
}

/** Conditions that every suite names. */
export function machine(): Record<string, string | number> {
  return {
    commit: commit(),
    date: new Date().toISOString(),
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    os: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    load_before: loadAverage(),
  };
}

/** Seconds of CPU that all processes of the machine have used, and those that passed; for the load of others. */
export function machineBusySeconds(): number {
  const [, ...fields] = (readFileSync("/proc/stat", "utf8").split("\n")[0] ?? "").trim().split(/\s+/);
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields.map(Number);
  return (user + nice + system + irq + softirq) / 100;
}

/** Above this, others take so much of two cores that a throughput says more about them than about the subject. */
const QUIET_CORES = 0.25;

/** Cores that the machine is busy with while a suite does nothing. Throws where that makes throughput invalid. */
export async function requireQuiet(signal: AbortSignal): Promise<number> {
  const busy = machineBusySeconds();
  const began = performance.now();
  await setTimeout(2000, undefined, { signal });
  const cores = ((machineBusySeconds() - busy) * 1000) / (performance.now() - began);
  if (cores <= QUIET_CORES) return Number(cores.toFixed(2));
  throw new Error(`the machine is not quiet: other processes keep ${cores.toFixed(2)} cores busy`);
}
