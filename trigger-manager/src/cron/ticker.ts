import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { CronFireKey, HeldCronSchedule, Store, StoreTransaction } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createWaker } from "../waker.ts";
import type { Schedules } from "./schedules.ts";
import { looksBack, tickStep, type TickStep } from "./tick.ts";

export interface TickListener {
  /** Fires were recorded. */
  fired(): void;
  /** These runs were ended for later ones, whoever has them. */
  replaced(fires: readonly CronFireKey[]): void;
  /** Its schedule cannot be read any more: it fires no more. */
  unreadable(triggerId: string, reason: string): void;
}

export interface TickerDependencies extends TickListener {
  readonly store: Pick<Store, "withTransaction" | "cronSchedules">;
  readonly schedules: Schedules;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn" | "error">;
}

export interface Ticker extends Service {
  /** Schedules may have come or changed. */
  wake(): void;
}

/** Schedules that one transaction decides on. */
const AT_ONCE = 500;
/** Schedules that others write are noticed after this at the latest. */
const LOOK_EVERY_MS = 1000;
/** events.md, section 2: a stalled statement must not keep a schedule from firing. */
const STATEMENT_TIMEOUT_MS = 5000;

interface Ticked {
  readonly schedules: number;
  /** All of them will be looked at at another time. */
  readonly moved: boolean;
}

/**
 * Fires schedules: on any number of replicas at once, since each schedule is locked, decided on and advanced in one
 * transaction, and by the database's clock alone.
 */
export function createTicker(deps: TickerDependencies): Ticker {
  const { store, clock, log } = deps;
  const stopped = new AbortController();
  const waker = createWaker(clock);
  let loop: Promise<void> | undefined;

  const round = async (): Promise<number> => {
    const dueInMs = await store.cronSchedules.dueInMs();
    if (dueInMs === undefined || dueInMs > 0) return Math.min(dueInMs ?? LOOK_EVERY_MS, LOOK_EVERY_MS);
    const { schedules, moved } = await tickOnce(deps);
    // Others have what is due, or nothing came of it: not again at once.
    return schedules > 0 && moved ? 0 : 50;
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const delayMs = await round().catch((error: unknown) => {
        log.warn("schedules were not looked at this time", { error });
        return LOOK_EVERY_MS;
      });
      await waker.wait(delayMs, stopped.signal);
    }
  };
  return {
    name: "cron-ticker",
    wake: () => waker.wake(),
    start() {
      loop ??= run();
      return Promise.resolve();
    },
    async stop() {
      stopped.abort(new Error("the ticker is stopping"));
      await loop;
    },
  };
}

/** Decides on up to 500 schedules that are due. */
async function tickOnce(deps: TickerDependencies): Promise<Ticked> {
  const unreadable = new Map<string, string>();
  const done = await deps.store.withTransaction(
    async (tx) => {
      unreadable.clear();
      const held = await tx.cronSchedules.takeDue(AT_ONCE);
      const steps = await decide(tx, held, deps.schedules, unreadable);
      for (const row of held) if (unreadable.has(row.triggerId)) await disable(tx, row);
      return { held, steps, advanced: await write(tx, steps) };
    },
    { statementTimeoutMs: STATEMENT_TIMEOUT_MS },
  );
  for (const [id, reason] of unreadable) deps.unreadable(id, reason);
  const replaced = done.steps.flatMap((step) => step.replaced);
  if (replaced.length > 0) deps.replaced(replaced);
  if (done.steps.some(({ record }) => record.length > 0)) deps.fired();
  const stuck = done.steps.filter((_, i) => !done.advanced[i]);
  for (const { advance } of stuck) {
    deps.log.error("a schedule did not advance", { trigger: advance.schedule.triggerId });
  }
  return { schedules: done.held.length, moved: stuck.length === 0 };
}

async function decide(
  tx: StoreTransaction,
  held: readonly HeldCronSchedule[],
  schedules: Schedules,
  unreadable: Map<string, string>,
): Promise<TickStep[]> {
  const back = held.filter(({ spec }) => looksBack(spec as never)).map(({ triggerId }) => triggerId);
  const unfinished = Map.groupBy(await tx.cronFires.unfinished(back), ({ triggerId }) => triggerId);
  return held.flatMap((row) => {
    try {
      return [tickStep(row, unfinished.get(row.triggerId) ?? [], schedules)];
    } catch (error) {
      unreadable.set(row.triggerId, error instanceof Error ? error.message : String(error));
      return [];
    }
  });
}

async function disable(tx: StoreTransaction, row: HeldCronSchedule): Promise<void> {
  const { triggerId, org, function: fn, nextFireAt, tzVersion } = row;
  await tx.cronSchedules.put({ triggerId, org, function: fn, nextFireAt, tzVersion, enabled: false });
}

async function write(tx: StoreTransaction, steps: readonly TickStep[]): Promise<boolean[]> {
  await tx.cronFires.record(steps.flatMap(({ record }) => record));
  await tx.cronFires.withdraw(
    steps.flatMap(({ superseded }) => superseded),
    {
      to: "skipped",
      running: false,
      outcome: { error: { code: "superseded", message: "a later run took its place" } },
    },
  );
  await tx.cronFires.withdraw(
    steps.flatMap(({ replaced }) => replaced),
    {
      to: "failed",
      running: true,
      outcome: { error: { code: "replaced", message: "it was ended for a later run" } },
    },
  );
  return tx.cronSchedules.advance(steps.map(({ advance }) => advance));
}
