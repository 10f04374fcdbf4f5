import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "@hanzo-fn/store";
import type { FaultRecord } from "./evidence.ts";

const LOOK_EVERY_MS = 200;
/** A third of a lease, after which it is to be renewed. */
const STALL_MS = 1000;

/** Tells when this process did not run for so long that leases are in danger. */
export function watchLoop(stalled: (fromMs: number, untilMs: number) => void): void {
  let lastMs = Date.now();
  const look = (): void => {
    const now = Date.now();
    if (now - lastMs >= STALL_MS) stalled(lastMs, now);
    lastMs = now;
  };
  setInterval(look, LOOK_EVERY_MS).unref();
}

/** Notes when the database, asked without a detour, took so long to answer. */
export function watchDatabase(store: Pick<Store, "cronSchedules">): { stop(): Promise<FaultRecord[]> } {
  const stalls: FaultRecord[] = [];
  const over = new AbortController();
  const watch = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const fromMs = Date.now();
      await store.cronSchedules.now().catch(() => {});
      const untilMs = Date.now();
      if (untilMs - fromMs >= STALL_MS) stalls.push({ kind: "stalled-database", fromMs, untilMs });
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = watch();
  return {
    async stop() {
      over.abort();
      await watching;
      return stalls;
    },
  };
}
