import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Calls } from "./calls.ts";
import type { Holdings } from "./holdings.ts";
import type { Source } from "./source.ts";

export interface KeeperDependencies {
  readonly source: Source;
  readonly holdings: Holdings;
  readonly calls: Calls;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

/** How often deadlines are looked at. */
const TICK_MS = 1000;

/**
 * Extends what is held and cuts what is overdue, for as long as something is held. One timer per busy trigger, none
 * for an idle one. The function that it gives is called whenever something was pulled.
 */
export function createKeeper(deps: KeeperDependencies, signal: AbortSignal): () => void {
  const { source, holdings, calls, clock, log } = deps;
  let keeping = false;
  let extending = false;
  const extend = async (): Promise<void> => {
    const events = holdings.ours();
    if (extending || events.length === 0) return;
    extending = true;
    try {
      await source.extend(events, signal);
    } catch (error) {
      // The source will give them to somebody else, and say so.
      if (!signal.aborted) log.warn("events could not be extended", { error, events: events.length });
    }
    extending = false;
  };
  const keep = async (): Promise<void> => {
    let extendAtMs = clock.monotonic() + source.extendEveryMs;
    try {
      while (holdings.size > 0) {
        await clock.sleep(Math.min(TICK_MS, source.extendEveryMs), signal);
        calls.cutOverdue();
        if (clock.monotonic() < extendAtMs) continue;
        extendAtMs = clock.monotonic() + source.extendEveryMs;
        void extend();
      }
    } finally {
      // At once: what is pulled from now on is kept by another round.
      keeping = false;
    }
  };
  return () => {
    if (keeping || signal.aborted) return;
    keeping = true;
    keep().catch(() => {});
  };
}
