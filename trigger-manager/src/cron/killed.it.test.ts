import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { cronRunId } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { type CronFireRow, openStore } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, tempDir, waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { begunIn, startReplicas } from "../test-replicas.ts";
import { deployCron } from "../test-setup.ts";

const program = new URL("test-replica.ts", import.meta.url);
const REPLICAS = 3;
const KILLS = 6;

const idOf = ({ triggerId, scheduledAt }: CronFireRow): string => cronRunId(triggerId, scheduledAt);

const hasEnded = ({ state }: CronFireRow): boolean => state !== "queued" && state !== "running";

test(`${REPLICAS} processes killed ${KILLS} times: every time of every schedule is in the record once, no run is lost, and none begins twice but for a kill`, async () => {
  await using database = await createTestDatabase();
  await using folder = await tempDir();
  const ledger = join(folder.path, "ledger");
  await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
  const retry = {
    on4xx: "retry",
    backoff: { initialMs: 10, maxMs: 50, multiplier: 2 },
    attempts: 50,
  } as const;
  const base = { catchup: "all", retry } as const;
  const often = await deployCron(
    store,
    "often",
    ["allow", "queue_all", "skip"].map((overlap) => ({
      ...base,
      overlap: overlap as "allow",
      payload: overlap,
    })),
  );
  const once = await deployCron(store, "once", [{ ...base, overlap: "allow", atMostOnce: true }]);
  const ids = [...often, ...once];
  const args = (): readonly string[] => [database.url, ledger];
  await using replicas = await startReplicas({ program, count: REPLICAS, args });
  const recorded = (triggerId: string) => store.cronFires.history({ org: "acme", triggerId, limit: 1000 });
  for (let i = 0; i < KILLS; i++) {
    const before = (await recorded(ids[0] as string)).length;
    await waitFor("another time", async () => (await recorded(ids[0] as string)).length > before, {
      timeoutMs: 60_000,
    });
    // Somewhere in the runs of that time.
    await sleep(40 + 35 * i);
    await replicas.replace(i % REPLICAS);
  }
  const isEnough = async (id: string): Promise<boolean> => (await recorded(id)).length > KILLS;
  await waitFor("enough times", async () => (await Promise.all(ids.map(isEnough))).every(Boolean));
  const until = await store.cronSchedules.now();
  const runsOf = async (id: string) => (await recorded(id)).filter(({ scheduledAt }) => scheduledAt <= until);
  await waitFor(
    "all of them to end",
    async () => (await Promise.all(ids.map(runsOf))).flat().every(hasEnded),
    { timeoutMs: 180_000, everyMs: 100 },
  );

  const begun = await begunIn(ledger);
  for (const id of ids) {
    const runs = (await runsOf(id)).toReversed();
    const times = runs.map(({ scheduledAt }) => scheduledAt.getTime());
    expect(times.length).toBeGreaterThan(KILLS);
    expect(times.every((at, i) => i === 0 || at === (times[i - 1] as number) + 1000)).toBe(true);
    for (const run of runs) {
      const attempts = begun.get(idOf(run)) ?? [];
      const words = `${idOf(run)}: ${run.state} ${JSON.stringify(attempts)}`;
      if (run.state === "succeeded") expect(attempts.length, words).toBeGreaterThan(0);
      if (run.state === "failed") expect(run.error?.code, words).toBe("outcome_unknown");
      // What began again had failed, or was in the hands of one that was killed.
      const again = attempts.slice(0, -1);
      const isFailed = (n: number): boolean => n === 1 && idOf(run).endsWith("7.000Z");
      expect(
        again.every(({ attempt, pid }) => replicas.killed.has(pid) || isFailed(attempt)),
        words,
      ).toBe(true);
      expect(new Set(attempts.map(({ attempt }) => attempt)).size, words).toBe(attempts.length);
    }
  }
  for (const run of await runsOf(once[0] as string)) {
    const attempts = begun.get(idOf(run)) ?? [];
    // Only an error of the function's own is tried again.
    expect(attempts.length).toBeLessThanOrEqual(idOf(run).endsWith("7.000Z") ? 2 : 1);
  }
}, 300_000);
