import { PlatformError } from "@hanzo-fn/contract";
import type { CronFireRow, DeadLetterRow } from "@hanzo-fn/store";
import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { deployCron, type SeenCall, testTriggers } from "../test-setup.ts";

const ORG = "acme";
const patient = { timeoutMs: 60_000, everyMs: 25 };
type Bench = Awaited<ReturnType<typeof testTriggers>>;

const runsOf = ({ store }: Bench, triggerId: string): Promise<CronFireRow[]> =>
  store.cronFires.history({ org: ORG, triggerId, limit: 1000 });
const lettersOf = ({ store }: Bench, triggerId: string): Promise<DeadLetterRow[]> =>
  store.deadLetters.list({ filter: { org: ORG, triggerId }, limit: 100 });
const stateOf = async ({ store }: Bench, id: string) => (await store.triggers.get(ORG, id))?.state;

describe("a trigger manager", () => {
  test("serves what was deployed before it started and what comes later, and says what it saw", async () => {
    await using t = await testTriggers();
    const [before] = await deployCron(t.store, "before", [{ payload: '{"n":1}' }]);
    const seen: SeenCall[] = [];
    const { metrics } = await t.replica((call) => {
      seen.push(call);
      return { status: 200 };
    });
    const [later] = await deployCron(t.store, "later", [{}]);
    await waitFor("calls of both", () => new Set(seen.map((call) => call.triggerId)).size === 2, patient);
    const call = seen.find(({ triggerId }) => triggerId === before);
    expect(call).toMatchObject({ function: "before", attempt: 1, body: '{"n":1}' });
    expect(seen.find(({ triggerId }) => triggerId === later)?.body).toBe("{}");
    const row = await waitFor("the row", async () => {
      const found = await t.store.triggers.get(ORG, before as string);
      return found?.lastFiredAt !== null && found;
    });
    expect(row).toMatchObject({ state: "active", lastError: null });
    expect(row.nextFireAt?.getTime()).toBeGreaterThan(row.lastFiredAt?.getTime() ?? 0);
    expect(metrics()).toMatch(/hanzo_fn_cron_lateness_seconds_count [1-9]/);
  });

  test("retries a failure, parks the event, and redrives it once as a new one, which parks again", async () => {
    await using t = await testTriggers();
    const seen: SeenCall[] = [];
    const { manager } = await t.replica((call) => {
      seen.push(call);
      return { status: 500, body: "no luck" };
    });
    const [id] = (await deployCron(t.store, "f", [{ overlap: "allow" }])) as [string];
    const letter = await waitFor("a dead letter", async () => (await lettersOf(t, id)).at(-1), patient);
    expect(letter).toMatchObject({ attempts: 3, reason: "attempts", status: 500, source: "@every 1s" });
    const attempts = seen.filter(({ key }) => key === letter.eventId).map(({ attempt }) => attempt);
    expect(attempts).toEqual([1, 2, 3]);
    const run = (await runsOf(t, id)).find(({ state }) => state === "failed");
    expect(run).toMatchObject({ attempt: 3, statusCode: 500 });
    const eventId = await manager.redrive(letter);
    await expect(manager.redrive(letter)).rejects.toThrow(PlatformError);
    const again = await waitFor(
      "its dead letter",
      async () => (await lettersOf(t, id)).find((one) => one.eventId === eventId),
      patient,
    );
    expect(again).toMatchObject({ attempts: 3, headers: { "redrive-of": letter.id } });
    // The redriven run is none of the schedule's.
    const own = (await runsOf(t, id)).filter(({ redriveOf }) => redriveOf === letter.id);
    expect(own).toHaveLength(1);
    expect(own[0]!.scheduledAt.getTime() % 1000).not.toBe(0);
  });

  test("does not count what never reached the function, and goes on once it takes calls", async () => {
    await using t = await testTriggers();
    let open = false;
    const seen: SeenCall[] = [];
    await t.replica((call) => {
      seen.push(call);
      return open ? { status: 200 } : { status: 503, notDelivered: "no_capacity" };
    });
    const [id] = (await deployCron(t.store, "f", [{}])) as [string];
    await waitFor("refusals", () => seen.length >= 2, patient);
    expect(await lettersOf(t, id)).toEqual([]);
    expect(new Set(seen.map(({ attempt }) => attempt))).toEqual(new Set([1]));
    open = true;
    await waitFor(
      "a success",
      async () => (await runsOf(t, id)).some(({ state, attempt }) => state === "succeeded" && attempt === 1),
      patient,
    );
  });

  test("waits for a revision that takes calls, and begins when there is one", async () => {
    await using t = await testTriggers();
    const seen: SeenCall[] = [];
    await t.replica((call) => {
      seen.push(call);
      return { status: 200 };
    });
    const [id] = (await deployCron(t.store, "f", [{}], { serving: false })) as [string];
    await waitFor("a run that waits", async () => (await runsOf(t, id)).length > 0, patient);
    expect(await stateOf(t, id)).toBe("active");
    await t.store.revisions.observe(ORG, "f", 1, { state: "failed" });
    await t.store.withTransaction((tx) => tx.notifyChange(ORG, "f"));
    const row = await waitFor(
      "it to be blocked",
      async () => {
        const found = await t.store.triggers.get(ORG, id);
        return found?.state === "blocked" && found;
      },
      patient,
    );
    expect(row.reason).toBe("no revision of f takes calls");
    expect(seen).toEqual([]);
    await deployCron(t.store, "f", [{}]);
    await waitFor("a call", () => seen.length > 0, patient);
    await waitFor("it to be active", async () => (await stateOf(t, id)) === "active", patient);
  });

  test("closes what is paused or deleted once its calls have ended, and removes what is deleted", async () => {
    await using t = await testTriggers();
    const running = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    let calls = 0;
    await t.replica(async () => {
      calls += 1;
      running.resolve();
      await end.promise;
      return { status: 200 };
    });
    const [id] = (await deployCron(t.store, "f", [{}])) as [string];
    await running.promise;
    await deployCron(t.store, "f", []);
    expect(await stateOf(t, id)).toBe("deleting");
    end.resolve();
    await waitFor("it to go", async () => (await stateOf(t, id)) === undefined, patient);
    const [run] = await runsOf(t, id);
    expect(run).toMatchObject({ state: "succeeded" });
    expect(calls).toBe(1);
  });

  test("gives back what it runs when it stops, and another one takes it on", async () => {
    await using t = await testTriggers();
    const started = Promise.withResolvers<SeenCall>();
    const first = await t.replica((call, signal) => {
      started.resolve(call);
      return new Promise((_, reject) =>
        signal.addEventListener("abort", () => reject(signal.reason as Error)),
      );
    });
    const [id] = (await deployCron(t.store, "f", [{ overlap: "queue_all" }])) as [string];
    const { key } = await started.promise;
    await first.stop(0);
    const [back] = (await runsOf(t, id)).toReversed();
    expect(back).toMatchObject({ state: "queued", attempt: 0 });
    const seen: SeenCall[] = [];
    await t.replica((call) => {
      seen.push(call);
      return { status: 200 };
    });
    await waitFor("the run", () => seen.some((call) => call.key === key), patient);
    expect(seen.find((call) => call.key === key)?.attempt).toBe(1);
  });

  test("fails a run of unknown outcome that may run at most once, and does not run it again", async () => {
    await using t = await testTriggers();
    const seen: SeenCall[] = [];
    await t.replica((call) => {
      seen.push(call);
      return Promise.reject(new Error("the connection broke"));
    });
    const [id] = (await deployCron(t.store, "f", [{ atMostOnce: true, overlap: "allow" }])) as [string];
    await waitFor("three calls", () => seen.length >= 3, patient);
    const failed = await waitFor(
      "a failed run",
      async () => (await runsOf(t, id)).find(({ state }) => state === "failed"),
      patient,
    );
    expect(failed).toMatchObject({ attempt: 1, error: { code: "outcome_unknown" } });
    const keys = seen.map(({ key }) => key);
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("ends a run for the one that replaces it", async () => {
    await using t = await testTriggers();
    const ended: string[] = [];
    await t.replica(
      ({ key }, signal) =>
        new Promise((_, reject) =>
          signal.addEventListener("abort", () => {
            ended.push(key);
            reject(signal.reason as Error);
          }),
        ),
    );
    const [id] = (await deployCron(t.store, "f", [{ overlap: "replace" }])) as [string];
    await waitFor("two runs to be ended", () => ended.length >= 2, patient);
    const replaced = (await runsOf(t, id)).filter(({ error }) => error?.code === "replaced");
    expect(replaced.length).toBeGreaterThanOrEqual(2);
  });
});

test("three managers on one database, one of them abandoned with what it runs: every time is in the record once", async () => {
  await using t = await testTriggers();
  const calls = new Map<string, number>();
  const answer = (call: SeenCall) => {
    calls.set(call.key, (calls.get(call.key) ?? 0) + 1);
    return { status: 200 };
  };
  const replicas = [await t.replica(answer), await t.replica(answer), await t.replica(answer)];
  const ids: string[] = [];
  for (let i = 0; i < 10; i++)
    ids.push(...(await deployCron(t.store, `f${i}`, [{ payload: `${i}` }, { payload: "x" }])));
  await waitFor("some runs", async () => (await runsOf(t, ids[0] as string)).length >= 3, patient);
  await replicas[Math.floor(Math.random() * 3)]?.abandon();
  const seen = (await runsOf(t, ids[0] as string)).length;
  await waitFor("more runs", async () => (await runsOf(t, ids[0] as string)).length >= seen + 4, patient);
  for (const id of ids) {
    const runs = (await runsOf(t, id)).map(({ scheduledAt }) => scheduledAt.getTime()).sort((a, b) => a - b);
    // The primary key says that none is there twice; this, that none is missing.
    expect(runs.every((at, i) => i === 0 || at === (runs[i - 1] as number) + 1000)).toBe(true);
  }
  // What ran twice is what the abandoned one had in hand.
  const twice = [...calls.values()].filter((n) => n > 1).length;
  expect(twice).toBeLessThanOrEqual(ids.length);
});
