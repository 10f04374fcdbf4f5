import { type Clock, createSingleFlight } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { TriggerSet } from "./trigger-set.ts";

export interface ChangesDependencies {
  readonly store: Pick<Store, "onChange">;
  readonly set: Pick<TriggerSet, "refresh">;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Pick<Logger, "debug">;
}

/** Keeps the set of triggers fresh while nobody reads records, and says when it may be another one. */
export interface Changes {
  /** Until the signal aborts. */
  watch(signal: AbortSignal): void;
  /** The next change, or a while later, or the signal. Never rejects. */
  next(signal: AbortSignal): Promise<void>;
}

/** Changes are told; this is the net below them. */
const LOOK_MS = 30_000;

export function createChanges({ store, set, clock, log }: ChangesDependencies): Changes {
  const once = createSingleFlight<void>();
  let changed = Promise.withResolvers<void>();

  const look = async (signal: AbortSignal): Promise<void> => {
    try {
      await once("look", () => set.refresh(signal));
    } catch (error) {
      // Whoever reads looks again before it judges anything.
      if (!signal.aborted) log.debug("inference triggers were not read", { error });
    }
    changed.resolve();
  };
  return {
    watch(signal) {
      const heard = (): void => void look(signal);
      store.onChange({ onChange: heard, onResync: heard }, signal);
    },
    async next(signal) {
      changed = Promise.withResolvers();
      const timer = new AbortController();
      const either = AbortSignal.any([timer.signal, signal]);
      await Promise.race([changed.promise, clock.sleep(LOOK_MS, either).catch(() => {})]);
      timer.abort();
    },
  };
}
