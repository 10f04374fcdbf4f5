import type { InvocationRecord } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { createFiguresSink, DURATION_BUCKETS_MS, type Figures } from "./index.ts";
import { aFunction, LATER, NOW, testStore } from "./test-setup.ts";

const minute = (n: number): Date => new Date(Date.UTC(2026, 0, 1, 0, n));
const buckets = (index: number, count: number): number[] =>
  Array.from({ length: DURATION_BUCKETS_MS.length + 1 }, (_, i) => (i === index ? count : 0));

const figures = (more: Partial<Figures> = {}): Figures => ({
  org: "acme",
  function: "f",
  revision: "f-00001",
  trigger: "http",
  minute: minute(0),
  invocations: 2,
  errors: 1,
  timeouts: 0,
  coldStarts: 1,
  durationMsSum: 12.5,
  durationBuckets: buckets(1, 2),
  coldMsSum: 30,
  ...more,
});

const all = { org: "acme", function: "f", since: minute(0), until: minute(60) };

test("figures of one minute add up, buckets one by one", async () => {
  await using t = await testStore();
  await t.store.figures.add([figures(), figures({ durationBuckets: buckets(3, 2) })]);
  await t.store.figures.add([figures({ durationBuckets: buckets(17, 2) })]);
  const [row, ...rest] = await t.store.figures.query(all);
  expect(rest).toEqual([]);
  const sum = buckets(1, 2);
  sum[3] = 2;
  sum[17] = 2;
  expect(row).toEqual(
    figures({
      invocations: 6,
      errors: 3,
      coldStarts: 3,
      durationMsSum: 37.5,
      coldMsSum: 90,
      durationBuckets: sum,
    }),
  );
});

test("figures added by many at once are counted once each", async () => {
  await using t = await testStore();
  const batch = [figures(), figures({ revision: "f-00002" }), figures({ trigger: "cron" })];
  await Promise.all(
    Array.from({ length: 20 }, (_, i) => t.store.figures.add(i % 2 ? batch : batch.toReversed())),
  );
  const rows = await t.store.figures.query(all);
  expect(rows.map((row) => row.invocations)).toEqual([40, 40, 40]);
});

test("figures are found by time and revision, and swept by age", async () => {
  await using t = await testStore();
  await t.store.functions.insert(aFunction("f"), NOW);
  await t.store.figures.add([
    figures({ minute: minute(0) }),
    figures({ minute: minute(1), revision: "f-00002" }),
    figures({ minute: minute(2) }),
    figures({ function: "gone" }),
    figures({ org: "other" }),
  ]);
  const minutes = async (query: object) =>
    (await t.store.figures.query({ ...all, ...query })).map((row) => row.minute.getUTCMinutes());
  expect(await minutes({})).toEqual([0, 1, 2]);
  expect(await minutes({ since: minute(1), until: minute(2) })).toEqual([1]);
  expect(await minutes({ revision: "f-00001" })).toEqual([0, 2]);
  await t.store.sweep({ figuresBefore: minute(1) });
  expect(await minutes({})).toEqual([1, 2]);
  expect(await minutes({ function: "gone" })).toEqual([]);
  expect(await t.store.figures.sweep(LATER)).toBe(2);
});

test("the sink turns calls into figures", async () => {
  await using t = await testStore();
  const sink = createFiguresSink(
    { store: t.store, clock: systemClock, log: recordingLog() },
    { intervalMs: 5 },
  );
  await sink.start(AbortSignal.timeout(1000));
  const call: InvocationRecord = {
    org: "acme",
    function: "f",
    revision: "f-00001",
    runtime: "node24",
    trigger: "http",
    status: "success",
    httpStatus: 200,
    errorType: "",
    durationMs: 8,
    coldStartMs: undefined,
    requestId: "r",
    instance: "i",
    endedAtMs: minute(0).getTime() + 59_999,
  };
  for (let i = 0; i < 2500; i++) sink.record({ ...call, revision: `f-0000${i % 3}` });
  await sink.stop(10_000);
  const rows = await t.store.figures.query(all);
  expect(rows.map((row) => row.invocations)).toEqual([834, 833, 833]);
  expect(rows[0]).toMatchObject({
    minute: minute(0),
    durationMsSum: 834 * 8,
    durationBuckets: buckets(1, 834),
  });
});
