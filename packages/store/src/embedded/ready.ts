import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { lastLines } from "./initialise.ts";
import type { Running } from "./postmaster.ts";

const POLL_MS = 10;
const STATUS_LINE = 7;

/**
 * Waits until PostgreSQL takes connections: it writes `ready` into the eighth line of its `postmaster.pid`
 * (what pg_ctl waits for). Recovery after a crash counts into the time.
 */
export async function waitUntilReady(
  running: Running,
  options: {
    readonly dataDir: string;
    readonly clock: Clock;
    readonly timeoutMs: number;
    readonly signal: AbortSignal | undefined;
  },
): Promise<void> {
  const { clock, signal } = options;
  const file = path.join(options.dataDir, "postmaster.pid");
  const end = clock.monotonic() + options.timeoutMs;
  let exited: string | undefined;
  void running.exited.then((code) => (exited = code));
  while (clock.monotonic() < end) {
    signal?.throwIfAborted();
    if (exited !== undefined) throw failed(`PostgreSQL ended (${exited})`, running);
    const lines = (await readFile(file, "utf8").catch(() => "")).split("\n");
    if (Number(lines[0]) === running.process.pid && lines[STATUS_LINE]?.trim() === "ready") return;
    await clock.sleep(POLL_MS, signal);
  }
  throw failed(`PostgreSQL was not ready within ${options.timeoutMs / 1000} s`, running);
}

function failed(what: string, running: Running): PlatformError {
  const output = running.output();
  const full = output.includes("No space left on device");
  return new PlatformError(full ? "storage_full" : "internal", `${what}: ${lastLines(output)}`, {
    component: "store/embedded",
  });
}
