import { cronRunId, type CronTrigger } from "@hanzo-fn/contract";
import { type Clock, createGroup } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Served, TriggerKind } from "../manager/kind.ts";
import { type LetterToRedrive, redriveRefused } from "../manager/redrive.ts";
import { createClaims } from "./claims.ts";
import { createSchedules } from "./schedules.ts";
import { createTicker } from "./ticker.ts";
import { createCronTimes } from "./times.ts";
import { createUpkeep, withdrawOrphans } from "./upkeep.ts";

export interface CronKindDependencies {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  /** This replica, in one life of it. */
  readonly owner: string;
  /** No other process uses this database: whoever held leases when this one starts is gone. */
  readonly alone: boolean;
  /** How long a claimed run is held without a word. Default 30 s. */
  readonly leaseMs?: number | undefined;
  /** A run begins for the first time, so many milliseconds after it was due. */
  readonly onLate: (lateMs: number) => void;
}

/** Where `retry.attempts` is not given (manifest, `retry`). */
const ATTEMPTS = 5;

/** Schedules: the record in PostgreSQL is their broker. */
export function createCronKind(deps: CronKindDependencies): TriggerKind<CronTrigger> {
  const { store, clock, log } = deps;
  const schedules = createSchedules();
  const times = createCronTimes(schedules);
  const claims = createClaims(deps);
  const ticker = createTicker({
    ...{ store, schedules, clock, log },
    fired: () => claims.wake(),
    replaced: (fires) => claims.cut(fires),
    unreadable(id, reason) {
      const onError = (error: unknown): void =>
        log.warn("a trigger's state was not written", { error, trigger: id });
      store.triggers.note([{ id, blocked: reason, lastError: reason }]).catch(onError);
    },
  });
  const upkeep = createUpkeep({ ...deps, times, onRequeued: () => claims.wake() });
  return {
    type: "cron",
    // What vanished processes held is let go before anything is claimed.
    service: createGroup([upkeep, claims, ticker]),
    attempts: () => ATTEMPTS,
    open({ id, spec }) {
      ticker.wake();
      return Promise.resolve(claims.source(id, spec));
    },
    // Its schedule went when it was deleted. What another replica takes back later is ended by the sweep.
    remove: () => withdrawOrphans(store.cronFires),
    async lag(triggers) {
      const found = await store.cronFires.lag(triggers.map(({ id }) => id));
      return new Map([...found].map(([id, { items, ageMs }]) => [id, { items, seconds: ageMs / 1000 }]));
    },
    redrive: (trigger, letter) => redrive(store, trigger, letter).finally(() => claims.wake()),
  };
}

/**
 * A run of its own, outside of the schedule: it waits for the run before it where the trigger says so, and no scheduled
 * time is skipped for it. Letter and run in one transaction.
 */
function redrive(store: Store, trigger: Served<CronTrigger>, letter: LetterToRedrive): Promise<string> {
  const { org, function: fn, id: triggerId, spec } = trigger;
  return store.withTransaction(async (tx) => {
    const now = await tx.cronSchedules.now();
    // Schedules fire at whole seconds: between them is room for what has no time of its own.
    let ms = now.getTime() % 1000 === 0 ? now.getTime() + 1 : now.getTime();
    for (;;) {
      const scheduledAt = new Date(ms);
      const fire = { triggerId, scheduledAt, org, function: fn, runAt: now, atMostOnce: spec.atMostOnce };
      const [isNew] = await tx.cronFires.record([{ ...fire, redriveOf: letter.id }]);
      const eventId = cronRunId(triggerId, scheduledAt);
      if (isNew === true && (await tx.deadLetters.markRedriven(org, letter.id, eventId))) return eventId;
      if (isNew === true) throw redriveRefused(letter, "was redriven before");
      ms += (ms + 1) % 1000 === 0 ? 2 : 1;
    }
  });
}
