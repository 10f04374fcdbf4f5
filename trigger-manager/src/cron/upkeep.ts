import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { CronFireRow, CronFireTypes, Store, Verdict } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { CronTrigger } from "@hanzo-fn/contract";
import type { CronTimes } from "./times.ts";

export interface UpkeepDependencies {
  readonly store: Pick<Store, "withTransaction" | "cronFires">;
  readonly times: CronTimes;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn" | "info">;
  /** No other process uses this database: whoever held leases when this one starts is gone. */
  readonly alone: boolean;
  /** Runs wait again whose replica vanished. */
  readonly onRequeued: () => void;
}

const EXPIRE_EVERY_MS = 5000;
/** How many rounds of expiry there are to one sweep. */
const SWEEP_EVERY = 120;
const AT_ONCE = 200;
const SWEPT_AT_ONCE = 1000;
/** History of runs (events.md 4.3). */
const KEPT_MS = 30 * 86_400_000;

/** A run whose replica vanished runs again, in its old place; one that may run at most once has failed. */
function afterExpiry({ atMostOnce }: CronFireRow): Verdict<CronFireTypes> {
  if (!atMostOnce) return { to: "queued" };
  const message = "the platform that ran it went away, and the trigger runs at most once";
  return { to: "failed", outcome: { error: { code: "outcome_unknown", message } } };
}

/** What keeps the record of schedules in order, on every replica. */
export function createUpkeep(deps: UpkeepDependencies): Service {
  const { store, clock, log } = deps;
  const { cronFires } = store;
  const stopped = new AbortController();
  let loop: Promise<void> | undefined;

  const expire = async (): Promise<void> => {
    let expired = 0;
    for (let n = AT_ONCE; n === AT_ONCE; expired += n)
      n = (await cronFires.expire(AT_ONCE, afterExpiry)).length;
    if (expired === 0) return;
    log.info("runs of replicas that vanished were taken over", { runs: expired });
    deps.onRequeued();
  };
  const sweep = async (): Promise<void> => {
    await recompute(deps);
    await withdrawOrphans(cronFires);
    while ((await cronFires.sweepFinished(KEPT_MS, SWEPT_AT_ONCE)) === SWEPT_AT_ONCE);
  };
  const run = async (): Promise<void> => {
    for (let i = 0; !stopped.signal.aborted; i++) {
      const work = i % SWEEP_EVERY === 0 ? sweep().then(expire) : expire();
      await work.catch((error: unknown) =>
        log.warn("the record of schedules was not kept this time", { error }),
      );
      await clock.sleep(EXPIRE_EVERY_MS, stopped.signal).catch(() => {});
    }
  };
  return {
    name: "cron-upkeep",
    async start() {
      if (deps.alone) await cronFires.endLeases();
      loop ??= run();
    },
    async stop() {
      stopped.abort(new Error("the upkeep of schedules is stopping"));
      await loop;
    },
  };
}

/** What waits of triggers that were deleted does not run any more. */
export async function withdrawOrphans(cronFires: Store["cronFires"]): Promise<void> {
  const outcome = { error: { code: "trigger_deleted", message: "its trigger was deleted" } };
  for (let n = SWEPT_AT_ONCE; n === SWEPT_AT_ONCE;) {
    const orphans = await cronFires.orphans(SWEPT_AT_ONCE);
    await cronFires.withdraw(orphans, { to: "skipped", running: false, outcome });
    n = orphans.length;
  }
}

/** Times that were computed with other time zone data are computed anew; what is due already stays due. */
async function recompute({ store, times }: UpkeepDependencies): Promise<void> {
  const { tzVersion } = times;
  for (let n = AT_ONCE; n === AT_ONCE;) {
    n = await store.withTransaction(async (tx) => {
      const rows = await tx.cronSchedules.takeOtherZones(tzVersion, AT_ONCE);
      for (const { spec, now, triggerId, org, function: fn, nextFireAt } of rows) {
        const next = nextFireAt <= now ? nextFireAt : nextOf(times, spec as unknown as CronTrigger, now);
        const row = { triggerId, org, function: fn, tzVersion };
        await tx.cronSchedules.put({ ...row, nextFireAt: next ?? nextFireAt, enabled: next !== undefined });
      }
      return rows.length;
    });
  }
}

/** Undefined also where the zone is not known any more; the tick says so when its time has come. */
function nextOf(times: CronTimes, trigger: CronTrigger, now: Date): Date | undefined {
  try {
    return times.next(trigger, now);
  } catch {
    return now;
  }
}
