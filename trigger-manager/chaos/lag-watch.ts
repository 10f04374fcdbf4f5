import { setTimeout as sleep } from "node:timers/promises";
import { abortable } from "@hanzo-fn/lifecycle";
import type { TriggerRow } from "@hanzo-fn/store";
import type { Lag, TriggerKind } from "../src/manager/index.ts";
import { servedTrigger } from "../src/manager/plan.ts";
import type { LagReading, Position, QueuedSource } from "./evidence.ts";
import { targetOf } from "./settings.ts";

const EVERY_MS = 250;
/** A broker that is down answers when it is back: such a reading would compare nothing. */
const PATIENCE_MS = 5000;

export interface LagWatch extends AsyncDisposable {
  /** Where the broker of what is being read has a trigger. */
  position(position: Position): void;
  /** Begins to read the lags of these triggers, again and again. */
  start(kinds: readonly TriggerKind[], rows: readonly TriggerRow[]): void;
  /** Reads on until nothing waits any more, or the time is up; then everything that was read. */
  finish(withinMs: number, signal: AbortSignal): Promise<readonly LagReading[]>;
}

/** What the platform tells of lag, as its metrics ask for it, and past the faults. */
export function createLagWatch(): LagWatch {
  const over = new AbortController();
  const readings: LagReading[] = [];
  const last = new Map<string, number | undefined>();
  let positions: Position[] = [];
  const loops: Promise<void>[] = [];

  const read = async (kind: TriggerKind, rows: readonly TriggerRow[]): Promise<void> => {
    const targets = new Set(rows.map(targetOf));
    const fromMs = Date.now();
    const signal = AbortSignal.any([over.signal, AbortSignal.timeout(PATIENCE_MS)]);
    const none: ReadonlyMap<string, Lag> = new Map();
    const lags = await abortable(kind.lag(rows.map(servedTrigger), signal), signal).catch(() => none);
    if (over.signal.aborted) return;
    const toMs = Date.now();
    // Some may come of a reading that was given up. They are older, and what was done then is done now.
    const found = positions.filter(({ target }) => targets.has(target));
    positions = positions.filter(({ target }) => !targets.has(target));
    for (const row of rows) {
      const target = targetOf(row);
      const items = lags.get(row.id)?.items;
      last.set(target, items);
      readings.push({
        ...{ source: row.type as QueuedSource, target, fromMs, toMs, items },
        positions: found.filter((one) => one.target === target),
      });
    }
  };
  const watch = async (kind: TriggerKind, rows: readonly TriggerRow[]): Promise<void> => {
    while (!over.signal.aborted) {
      await read(kind, rows);
      await sleep(EVERY_MS, undefined, { signal: over.signal }).catch(() => {});
    }
  };
  const stop = async (): Promise<void> => {
    over.abort();
    await Promise.all(loops);
  };
  return {
    position: (position) => void positions.push(position),
    start(kinds, rows) {
      for (const kind of kinds) {
        const own = rows.filter(({ type }) => type === kind.type);
        loops.push(watch(kind, own));
      }
    },
    async finish(withinMs, signal) {
      const end = performance.now() + withinMs;
      const rests = (): boolean => [...last.values()].every((items) => items === 0);
      while (!rests() && performance.now() < end) await sleep(EVERY_MS, undefined, { signal });
      await stop();
      return readings;
    },
    [Symbol.asyncDispose]: stop,
  };
}
