import type { InvocationRecord } from "@hanzo-fn/contract";
import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { StoreLog } from "../log.ts";
import type { Figures, FiguresQueries } from "../queries/figures.ts";
import { createTally } from "./tally.ts";
import { createFlushLoop } from "./loop.ts";

export interface FiguresSinkParts {
  readonly store: { readonly figures: Pick<FiguresQueries, "add"> };
  readonly clock: Clock;
  readonly log: StoreLog;
}

export interface FiguresSinkOptions {
  /** How long a call waits at most to be counted in the store; 1 s where not given. */
  readonly intervalMs?: number | undefined;
  /** A flush begins early after so many calls; 1,000 where not given. */
  readonly maxCalls?: number | undefined;
  /** Minutes of revisions kept while the database is away; 50,000 where not given. Newer ones are then dropped. */
  readonly maxRows?: number | undefined;
}

export interface FiguresSink extends Service {
  record(record: InvocationRecord): void;
}

const BATCH_ROWS = 1000;

/**
 * Counts calls per minute and adds them to the store. A connection that breaks while the database commits leaves
 * open whether it did: such a batch is added again, so figures may then be too high, never too low.
 */
export function createFiguresSink(parts: FiguresSinkParts, options: FiguresSinkOptions = {}): FiguresSink {
  const { store, clock, log } = parts;
  const tally = createTally(options.maxRows ?? 50_000);
  let pending: readonly Figures[] = [];
  let lost = 0;
  const flush = async (): Promise<void> => {
    if (pending.length === 0) pending = tally.take();
    while (pending.length > 0) {
      await store.figures.add(pending.slice(0, BATCH_ROWS));
      pending = pending.slice(BATCH_ROWS);
    }
    if (lost > 0) log.warn("calls were not counted: the database was away for too long", { calls: lost });
    lost = 0;
  };
  const loop = createFlushLoop({
    name: "figures-sink",
    flush,
    isEmpty: () => pending.length === 0 && tally.calls === 0,
    intervalMs: options.intervalMs ?? 1000,
    clock,
    log,
  });
  const maxCalls = options.maxCalls ?? 1000;
  return {
    name: loop.name,
    start: loop.start,
    stop: loop.stop,
    record(record) {
      if (!tally.add(record)) lost += 1;
      loop.wake(tally.calls >= maxCalls);
    },
  };
}
