import { setTimeout as sleep } from "node:timers/promises";
import { type CronTrigger, parseSchedule, ulid } from "@hanzo-fn/contract";
import { deployHello } from "../hello-function.ts";
import { makeServeHome, type ServeHome, startServe } from "../serve-process.ts";
import { atMost, percentile, round, type Row, type SuiteOptions } from "../suite.ts";
import type { EventsPart } from "./part.ts";
import { withStore } from "./with-store.ts";

const FUNCTION = "hello";
const ORG = "local";

interface Sizes {
  /** Nine of ten fire twice a minute, spread over all seconds; the others are idle. */
  readonly schedules: number;
  readonly warmUpMs: number;
  readonly seconds: number;
}
const FULL: Sizes = { schedules: 10_000, warmUpMs: 10_000, seconds: 60 };
const SMOKE: Sizes = { schedules: 100, warmUpMs: 1000, seconds: 3 };

function scheduleOf(n: number, schedules: number): string {
  const second = n % 30;
  return n < schedules * 0.9 ? `${second},${second + 30} * * * * *` : "@yearly";
}

function specOf(schedule: string, n: number): CronTrigger {
  if ("refused" in parseSchedule(schedule)) throw new Error(`${schedule} is no schedule`);
  return {
    ...{ type: "cron", schedule, timezone: "UTC", payload: String(n) },
    ...{ overlap: "skip", catchup: "last", catchupWindowMs: 3_600_000, jitterMs: 0, atMostOnce: false },
    retry: { on4xx: "retry", backoff: { initialMs: 1000, maxMs: 60_000, multiplier: 2 } },
  };
}

/** Writes schedules with nobody there to fire them; ids of those that fire. Their first times are found at the start. */
function writeSchedules(home: ServeHome, schedules: number): Promise<string[]> {
  return withStore(home, (store) =>
    store.withTransaction(async (tx) => {
      const wanted = Array.from({ length: schedules }, (_, n) => {
        const schedule = scheduleOf(n, schedules);
        return { type: "cron", key: `${schedule} ${n}`, spec: { ...specOf(schedule, n) } as never };
      });
      const now = await tx.cronSchedules.now();
      const rows = await tx.triggers.replace(ORG, FUNCTION, wanted, () => `trg_${ulid()}`, now);
      for (const { id } of rows) {
        // Of no zone data that there is: the platform computes them anew.
        const schedule = { triggerId: id, org: ORG, function: FUNCTION, enabled: true, tzVersion: "none" };
        await tx.cronSchedules.ensure({ ...schedule, nextFireAt: new Date(now.getTime() + 3_600_000) });
      }
      return rows.slice(0, Math.floor(schedules * 0.9)).map(({ id }) => id);
    }),
  );
}

/** From when runs were due to their first start, by the database's clock, in milliseconds. */
function lateness(home: ServeHome, triggerIds: readonly string[], since: Date): Promise<number[]> {
  return withStore(home, async (store) => {
    const late: number[] = [];
    for (const triggerId of triggerIds) {
      for (const run of await store.cronFires.history({ org: ORG, triggerId, limit: 10 })) {
        if (run.startedAt === null || run.attempt !== 1 || run.scheduledAt < since) continue;
        late.push(run.startedAt.getTime() - run.scheduledAt.getTime());
      }
    }
    return late;
  });
}

async function run(signal: AbortSignal, { smoke = false }: SuiteOptions): Promise<readonly Row[]> {
  const { schedules, warmUpMs, seconds } = smoke ? SMOKE : FULL;
  await using home = await makeServeHome();
  {
    await using platform = await startServe(home, "{}\n", signal);
    await deployHello(platform, home.path, FUNCTION, "typescript", signal);
  }
  const firing = await writeSchedules(home, schedules);
  let since: Date;
  {
    await using _ = await startServe(home, "{}\n", signal);
    await sleep(warmUpMs, undefined, { signal });
    since = new Date();
    await sleep(seconds * 1000, undefined, { signal });
  }
  const late = await lateness(home, firing, since);
  return [
    {
      part: "cron",
      what: `${schedules} schedules, ${Math.round(firing.length / 30)} due each second`,
      runs: late.length,
      p50_ms: round(percentile(late, 0.5)),
      p99_ms: round(percentile(late, 0.99)),
    },
  ];
}

/** Schedules: how late their runs begin. */
export const cronPart: EventsPart = {
  name: "cron",
  conditions: {
    cron_lateness:
      "from the scheduled time to the claim just before the call, both by the database's clock; runs of one minute, all of them called",
  },
  run,
  targets: ([row]) => [atMost("cron lateness with 10,000 schedules, ms (p99)", 250, Number(row?.["p99_ms"]))],
};
