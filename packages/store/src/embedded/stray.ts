import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { readFile, readdir, readlink, rm } from "node:fs/promises";
import path from "node:path";
import type { StoreLog } from "../log.ts";

const POLL_MS = 20;
/** What each signal gets: PostgreSQL's fast shutdown, its immediate one, and the kernel's. */
const ESCALATION: readonly (readonly [NodeJS.Signals, number])[] = [
  ["SIGINT", 10_000],
  ["SIGQUIT", 5000],
  ["SIGKILL", 5000],
];

/**
 * Stops a PostgreSQL that outlived a platform that was killed. The caller holds the directory's lock, so no
 * living platform owns it. A `postmaster.pid` whose process is something else (numbers are reused, after a
 * container's restart above all), or is dead and not reaped, is removed: PostgreSQL would take it for a living one. One
 * whose process is gone is left to PostgreSQL, which then also checks that no orphaned backend still uses the
 * shared memory.
 */
export async function stopStray(
  data: string,
  parts: { readonly clock: Clock; readonly log: StoreLog },
): Promise<void> {
  const pidFile = path.join(data, "postmaster.pid");
  const pid = Number((await readFile(pidFile, "utf8").catch(() => "")).split("\n")[0]);
  if (!Number.isInteger(pid) || pid <= 1 || !exists(pid)) return;
  if (!(await worksIn(pid, data))) {
    if (!(await anyWorksIn(data))) await rm(pidFile, { force: true });
    return;
  }
  parts.log.warn("stopping a database that outlived the platform that started it", { pid });
  for (const [signal, patienceMs] of ESCALATION) {
    process.kill(pid, signal);
    if (await isGone(pid, patienceMs, parts.clock)) return;
  }
  throw new PlatformError("conflict", `a database process (${pid}) uses ${data} and cannot be stopped`, {
    component: "store/embedded",
    next: `Stop process ${pid} by hand.`,
  });
}

async function isGone(pid: number, patienceMs: number, clock: Clock): Promise<boolean> {
  const end = clock.monotonic() + patienceMs;
  while (await isRunning(pid)) {
    if (clock.monotonic() > end) return false;
    await clock.sleep(POLL_MS);
  }
  return true;
}

/** False for a process that ended, also where nobody has reaped it yet. */
async function isRunning(pid: number): Promise<boolean> {
  if (!exists(pid)) return false;
  if (process.platform !== "linux") return true;
  const status = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  // The name in parentheses may hold anything; the state follows it.
  const state = status.slice(status.lastIndexOf(")") + 2)[0];
  return state !== undefined && state !== "Z" && state !== "X";
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** Every process of PostgreSQL has its data directory as working directory. */
async function worksIn(pid: number, data: string): Promise<boolean> {
  if (process.platform !== "linux") return true;
  return (await readlink(`/proc/${pid}/cwd`).catch(() => "")) === data;
}

async function anyWorksIn(data: string): Promise<boolean> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(pids.map((pid) => worksIn(Number(pid), data)));
  return found.includes(true);
}
