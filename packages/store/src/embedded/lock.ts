import { PlatformError } from "@hanzo-fn/contract";
import { readFileSync, rmSync, writeFileSync } from "node:fs";

export interface DirectoryLock {
  release(): void;
}

/**
 * Holds `file` against every other process until `release` or the end of this process, however it ends: the
 * lock is the kernel's (SQLite's exclusive lock, the one file lock that Node offers), so none is ever left over.
 * Throws `conflict` naming the process that holds it.
 */
export async function takeLock(file: string, dataDir: string): Promise<DirectoryLock> {
  // Only who runs the embedded database loads SQLite.
  const { DatabaseSync } = await import("node:sqlite");
  const holder = `${file}.pid`;
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("pragma locking_mode = exclusive; begin exclusive");
  } catch (error) {
    database.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    throw inUse(dataDir, readHolder(holder), error);
  }
  writeFileSync(holder, `${process.pid}\n`, { mode: 0o600 });
  let held = true;
  return {
    release() {
      if (!held) return;
      held = false;
      rmSync(holder, { force: true });
      database.close();
    },
  };
}

const SQLITE_BUSY = 5;

function readHolder(file: string): string {
  try {
    return `process ${readFileSync(file, "utf8").trim()}`;
  } catch {
    return "another process";
  }
}

function inUse(dataDir: string, holder: string, cause: unknown): PlatformError {
  return new PlatformError("conflict", `the data directory ${dataDir} is in use by ${holder}`, {
    cause,
    component: "store/embedded",
    next: "Stop that process first, or give this one a data directory of its own (data_dir).",
  });
}
