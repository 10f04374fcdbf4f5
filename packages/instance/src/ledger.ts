import { readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { processesOf, signalProcess, startTime } from "./processes.ts";

interface Entry {
  readonly pid: number;
  readonly startTime: string;
  readonly uid?: number | undefined;
  /** The platform that started it. */
  readonly owner: { readonly pid: number; readonly startTime: string };
  readonly dir: string;
}

/** Writes a live process down; the answer takes it off again. */
export function recordProcess(
  ledgerDir: string,
  process_: { readonly pid: number; readonly uid?: number | undefined; readonly dir: string },
): () => void {
  const started = startTime(process_.pid);
  const owner = startTime(process.pid);
  // Without /proc a pid cannot be told from a later one with the same number: nothing is recorded.
  if (started === undefined || owner === undefined) return () => undefined;
  const path = join(ledgerDir, String(process_.pid));
  const entry: Entry = { ...process_, startTime: started, owner: { pid: process.pid, startTime: owner } };
  try {
    writeFileSync(path, JSON.stringify(entry), { mode: 0o600 });
  } catch {
    // A full disk: the instance still dies with the platform by its input or its parent's death signal.
  }
  return () => rmSync(path, { force: true });
}

function parse(path: string): Entry | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Entry;
  } catch {
    return undefined;
  }
}

/**
 * Ends what a platform that was killed left behind: recorded processes that still run under the same start
 * time, their groups and directories. Entries of a platform that lives are left alone. Answers how many
 * processes were ended.
 */
export async function sweepLeftovers(ledgerDir: string): Promise<number> {
  let ended = 0;
  for (const name of readdirSync(ledgerDir)) {
    const path = join(ledgerDir, name);
    const entry = parse(path);
    if (entry && startTime(entry.owner.pid) === entry.owner.startTime) continue;
    if (entry) {
      if (startTime(entry.pid) === entry.startTime && signalProcess(-entry.pid, "SIGKILL")) ended += 1;
      if (entry.uid !== undefined) for (const pid of processesOf(entry.uid)) signalProcess(pid, "SIGKILL");
      await rm(entry.dir, { recursive: true, force: true });
    }
    rmSync(path, { force: true });
  }
  return ended;
}
