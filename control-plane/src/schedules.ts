import type { CronTrigger } from "@hanzo-fn/contract";
import type { StoreTransaction, TriggerRow } from "@hanzo-fn/store";

/** When schedules fire; the event plane's to know. */
export interface CronTimes {
  /** Of the time zone data that times are computed with. */
  readonly tzVersion: string;
  /** The first time after `after`; undefined where there is none. */
  next(trigger: Pick<CronTrigger, "schedule" | "timezone">, after: Date): Date | undefined;
}

/**
 * Gives cron triggers their schedules in the transaction that wrote them: the first time is the next one from now, by
 * the database's clock, never one that is past. A schedule that is there stays as it is, so that no deploy keeps a
 * time that is due from firing: with another schedule, zone or payload it would be another trigger.
 */
export async function writeSchedules(
  tx: StoreTransaction,
  rows: readonly TriggerRow[],
  times: CronTimes,
): Promise<void> {
  const scheduled = rows.filter(({ type }) => type === "cron");
  if (scheduled.length === 0) return;
  const now = await tx.cronSchedules.now();
  for (const row of scheduled) {
    await tx.cronSchedules.ensure(wantedSchedule(row, times, now, row.state !== "paused"));
  }
}

/** Stops or starts a schedule; started, its next time is the first one from now. Resolves with that time. */
export async function pauseSchedule(
  tx: StoreTransaction,
  row: TriggerRow,
  times: CronTimes,
  paused: boolean,
): Promise<Date | null> {
  const wanted = wantedSchedule(row, times, await tx.cronSchedules.now(), !paused);
  await tx.cronSchedules.put(wanted);
  return wanted.enabled ? wanted.nextFireAt : null;
}

function wantedSchedule(row: TriggerRow, times: CronTimes, now: Date, enabled: boolean) {
  const { id: triggerId, org, function: fn } = row;
  const next = times.next(row.spec as unknown as CronTrigger, now);
  return {
    ...{ triggerId, org, function: fn, tzVersion: times.tzVersion },
    // Where no time comes any more there is one that is never asked for.
    nextFireAt: next ?? now,
    enabled: enabled && next !== undefined,
  };
}
