import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { createTestDatabase, recordingLog, seeded, turnByHand, waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { CRON, deployCron } from "../test-setup.ts";
import { firesBetween } from "./next-fire.ts";
import { createSchedules } from "./schedules.ts";
import { createTicker, type Ticker } from "./ticker.ts";

const schedules = createSchedules();
/** Pauses between looks are over in milliseconds. */
const hasty: Clock = {
  ...systemClock,
  sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal),
};

/** Replicas of the ticker on one database whose clock is turned by hand. */
async function bench(start: Date, replicas: number) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await createTestDatabase());
  const clock = await turnByHand(database, start);
  const open = () => openStore({ database, log: recordingLog(), clock: systemClock });
  const store = stack.use(await open());
  const tickers: { ticker: Ticker; abandon(): Promise<void> }[] = [];
  for (let i = 0; i < replicas; i++) {
    const own = stack.use(await open());
    const listener = { fired: () => {}, replaced: () => {}, unreadable: () => {} };
    const ticker = createTicker({ store: own, schedules, clock: hasty, log: silentLogger, ...listener });
    stack.defer(() => ticker.stop(0));
    await ticker.start(new AbortController().signal);
    tickers.push({ ticker, abandon: () => own.close() });
  }
  const held = stack.move();
  return {
    store,
    clock,
    tickers,
    /** Until nothing is due any more. */
    async decided() {
      for (const { ticker } of tickers) ticker.wake();
      const none = async (): Promise<boolean> => ((await store.cronSchedules.dueInMs()) ?? 1) > 0;
      await waitFor("all that is due to be decided on", none, { timeoutMs: 60_000 });
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

const EXPRESSIONS = ["*/30 * * * * *", "30 2,3 * * *", "*/7 * * * *", "@every 45s"];

describe("three tickers on one database", () => {
  test.each([1, 2])(
    "record every time of every schedule once, through a shift of the clock, jumps, and the end of one of them (seed %i)",
    async (seed) => {
      const random = seeded(seed);
      const begin = new Date(Date.UTC(2026, 9, 24, 23, 30));
      await using t = await bench(begin, 3);
      const policy = { timezone: "Europe/Berlin", overlap: "allow", catchup: "all" } as const;
      const ids = await deployCron(
        t.store,
        "f",
        EXPRESSIONS.map((schedule) => ({ ...policy, schedule, catchupWindowMs: 86_400_000 })),
      );
      let now = begin;
      for (let step = 0; now.getTime() < begin.getTime() + 3 * 3_600_000; step++) {
        // Now and then the server's clock is set back, and now and then nobody is there for a while.
        const jump = random() < 0.05 ? -90_000 : random() < 0.1 ? 1_200_000 * random() : 400_000 * random();
        now = await t.clock.advance(jump);
        if (step === 10) await t.tickers[Math.floor(random() * 3)]?.abandon();
        await t.decided();
      }
      for (const [i, triggerId] of ids.entries()) {
        const runs = await t.store.cronFires.history({ org: "acme", triggerId, limit: 10_000 });
        const last = (await t.store.cronSchedules.get(triggerId))?.lastScheduledAt ?? begin;
        const schedule = schedules.read(EXPRESSIONS[i] as string, policy.timezone);
        const expected = [...firesBetween(schedule, begin, last)].map((at) => at.toISOString());
        expect(expected.length).toBeGreaterThan(0);
        expect(runs.map(({ scheduledAt }) => scheduledAt.toISOString()).toReversed()).toEqual(expected);
        expect(new Set(runs.map(({ state }) => state))).toEqual(new Set(["queued"]));
      }
    },
    120_000,
  );
});

describe("a ticker", () => {
  const begin = new Date(Date.UTC(2026, 0, 2, 3, 4));

  test("makes up for the newest time that was missed, and lists the rest as missed", async () => {
    await using t = await bench(begin, 1);
    const [id] = (await deployCron(t.store, "f", [{ schedule: "*/10 * * * * *", catchup: "last" }])) as [
      string,
    ];
    await t.clock.advance(65_000);
    await t.decided();
    const runs = await t.store.cronFires.history({ org: "acme", triggerId: id, limit: 100 });
    const states = runs.map(
      ({ scheduledAt, state }) => `${scheduledAt.toISOString().slice(17, 19)} ${state}`,
    );
    expect(states).toEqual(["00 queued", "50 missed", "40 missed", "30 missed", "20 missed", "10 missed"]);
    expect(runs.at(-1)?.error).toMatchObject({ code: "missed" });
  });

  test("disables a schedule that it cannot read, and goes on with the others", async () => {
    await using t = await bench(begin, 1);
    const [bad, good] = (await deployCron(t.store, "f", [
      { schedule: "*/10 * * * * *" },
      { schedule: "*/5 * * * * *" },
    ])) as [string, string];
    await t.store.withTransaction((tx) => {
      const spec = { ...CRON, schedule: "*/10 * * * * *", timezone: "Mars/Olympus" };
      const wanted = [
        { type: "cron", key: "*/10 * * * * * ", spec: { ...spec } as never },
        { type: "cron", key: "*/5 * * * * * ", spec: { ...CRON, schedule: "*/5 * * * * *" } as never },
      ];
      return tx.triggers.replace("acme", "f", wanted, () => "trg_new", begin);
    });
    await t.clock.advance(11_000);
    await t.decided();
    expect((await t.store.cronSchedules.get(bad))?.enabled).toBe(false);
    const runs = await t.store.cronFires.history({ org: "acme", triggerId: good, limit: 10 });
    expect(runs.length).toBeGreaterThan(0);
  });
});
