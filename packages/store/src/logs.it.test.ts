import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { createLogSink, openStore, type StoredLogLine } from "./index.ts";
import { aFunction, aLine, LATER, NOW, testStore } from "./test-setup.ts";

const of = { org: "acme", function: "f" };
const messages = (lines: readonly StoredLogLine[]): string[] => lines.map((line) => line.msg);

describe("stored lines", () => {
  test("come back as they were written, whatever is in them", async () => {
    await using t = await testStore();
    const full = aLine("ä😀\ttab", {
      level: "error",
      requestId: "req_1",
      stream: "log",
      fields: { a_b: [1, { c: null }] },
    });
    await t.store.appendLogs([full, aLine("bare"), aLine("nul\0 and \ud800")]);
    const lines = await t.store.logLines.query({ ...of, limit: 10 });
    expect(lines).toEqual([
      { ...full, id: 1 },
      { ...aLine("bare"), id: 2 },
      { ...aLine("nul\ufffd and \ufffd"), id: 3 },
    ]);
  });

  test("are found by time, level, request, revision and position", async () => {
    await using t = await testStore();
    await t.store.appendLogs([
      aLine("1", { level: "debug" }),
      aLine("2", { requestId: "r1" }),
      aLine("3", { tsMs: LATER.getTime(), level: "error" }),
      aLine("4", { revision: "f-00002" }),
      aLine("foreign", { org: "other" }),
      aLine("neighbour", { function: "g" }),
    ]);
    const find = async (filter: object) =>
      messages(await t.store.logLines.query({ ...of, limit: 10, ...filter }));
    expect(await find({})).toEqual(["1", "2", "3", "4"]);
    expect(await find({ limit: 2 })).toEqual(["3", "4"]);
    expect(await find({ afterId: 0, limit: 2 })).toEqual(["1", "2"]);
    expect(await find({ afterId: 2 })).toEqual(["3", "4"]);
    expect(await find({ since: LATER })).toEqual(["3"]);
    expect(await find({ until: LATER })).toEqual(["1", "2", "4"]);
    expect(await find({ minLevel: "info" })).toEqual(["2", "3", "4"]);
    expect(await find({ minLevel: "warn" })).toEqual(["3"]);
    expect(await find({ requestId: "r1" })).toEqual(["2"]);
    expect(await find({ revision: "f-00002" })).toEqual(["4"]);
    expect(await t.store.logLines.newestId("acme", "f")).toBe(4);
    expect(await t.store.logLines.newestId("acme", "none")).toBe(0);
  });

  test("tell when an instance wrote last, the platform's own lines aside", async () => {
    await using t = await testStore();
    const of = { org: "acme", function: "f", instance: "fn-a" };
    await t.store.appendLogs([
      aLine("1", { instance: "fn-a" }),
      aLine("late", { instance: "fn-b", tsMs: LATER.getTime() }),
      aLine("late", { instance: "fn-a", tsMs: LATER.getTime(), stream: "platform" }),
    ]);
    expect(await t.store.logLines.newestOf(of)).toEqual(NOW);
    expect(await t.store.logLines.newestOf({ ...of, instance: "fn-c" })).toBeUndefined();
  });

  test("of one function stay below its bound: the oldest go, the neighbours' stay", async () => {
    await using t = await testStore({ maxLogBytesPerFunction: 100_000 });
    await t.store.appendLogs([aLine("neighbour", { function: "g" })]);
    for (let i = 0; i < 20; i++) {
      await t.store.appendLogs(
        Array.from({ length: 100 }, (_, j) => aLine(String(i * 100 + j).padStart(80, "0"))),
      );
      expect((await t.store.logLines.size("acme", "f")).bytes).toBeLessThanOrEqual(100_000);
    }
    const { bytes, lines } = await t.store.logLines.size("acme", "f");
    const kept = await t.store.logLines.query({ ...of, limit: 5000 });
    expect(kept).toHaveLength(lines);
    expect(bytes).toBe(kept.length * 200);
    expect(bytes).toBeGreaterThan(80_000);
    expect(messages(kept).map(Number)).toEqual(Array.from({ length: lines }, (_, i) => 2000 - lines + i));
    expect((await t.store.logLines.size("acme", "g")).lines).toBe(1);
  });

  test("of a deleted function go with it, late ones with the next sweep", async () => {
    await using t = await testStore();
    await t.store.functions.insert(aFunction("kept"), NOW);
    await t.store.appendLogs([aLine("a"), aLine("kept", { function: "kept" })]);
    await t.store.logLines.deleteFunction("acme", "f");
    expect(await t.store.logLines.query({ ...of, limit: 10 })).toEqual([]);
    expect(await t.store.logLines.size("acme", "f")).toEqual({ bytes: 0, lines: 0 });
    await t.store.appendLogs([aLine("late")]);
    await t.store.sweep({ figuresBefore: NOW });
    expect(await t.store.logLines.query({ ...of, limit: 10 })).toEqual([]);
    expect(await t.store.logLines.query({ ...of, function: "kept", limit: 10 })).toHaveLength(1);
  });
});

describe("following", () => {
  test(
    "shows each line once and in order while several processes write batches at once",
    { timeout: 60_000 },
    async () => {
      await using t = await testStore();
      await using rival = await openStore({ database: t.database, log: recordingLog(), clock: systemClock });
      await t.store.appendLogs([aLine("before")]);
      const stop = new AbortController();
      const seen: StoredLogLine[] = [];
      const total = 4 * 25 * 20;
      const following = (async () => {
        for await (const line of t.store.followLogs(of, { afterId: 0 }, stop.signal)) {
          seen.push(line);
          if (seen.length > total) stop.abort();
        }
      })();
      const write = async (writer: number): Promise<void> => {
        const store = writer % 2 === 0 ? t.store : rival;
        for (let batch = 0; batch < 25; batch++) {
          await store.appendLogs(Array.from({ length: 20 }, (_, i) => aLine(`${writer}-${batch}-${i}`)));
        }
      };
      await Promise.all([0, 1, 2, 3].map(write));
      await following;
      expect(seen).toHaveLength(total + 1);
      expect(new Set(messages(seen)).size).toBe(total + 1);
      for (const writer of ["0", "1", "2", "3"]) {
        const own = messages(seen).filter((msg) => msg.startsWith(`${writer}-`));
        const order = own.map((msg) => Number(msg.split("-")[1]) * 20 + Number(msg.split("-")[2]));
        expect(order).toEqual(order.toSorted((a, b) => a - b));
      }
    },
  );

  test("from now on shows only what comes, and only what the filter lets through", async () => {
    // One connection, so that the follower's first read is done before what is asked after it.
    await using t = await testStore({ maxConnections: 1 });
    await t.store.appendLogs([aLine("before")]);
    const stop = new AbortController();
    const lines = t.store.followLogs({ ...of, minLevel: "warn" }, {}, stop.signal)[Symbol.asyncIterator]();
    const first = lines.next();
    await t.store.health();
    await t.store.appendLogs([aLine("quiet"), aLine("neighbour", { function: "g", level: "error" })]);
    await t.store.appendLogs([aLine("loud", { level: "error" })]);
    expect((await first).value).toMatchObject({ msg: "loud" });
    stop.abort();
    expect((await lines.next()).done).toBe(true);
  });
});

test("the sink stores a flood of one function within its bound and every line of its neighbour", async () => {
  await using t = await testStore({ maxLogBytesPerFunction: 1_000_000 });
  const sink = createLogSink({ store: t.store, clock: systemClock, log: recordingLog() }, { intervalMs: 10 });
  await sink.start(AbortSignal.timeout(1000));
  for (let i = 0; i < 20_000; i++) {
    sink.append(aLine(`flood ${i} ${"x".repeat(200)}`));
    if (i % 1000 === 0) sink.append(aLine(`quiet ${i}`, { function: "g" }));
  }
  await sink.stop(20_000);
  const { bytes } = await t.store.logLines.size("acme", "f");
  expect(bytes).toBeLessThanOrEqual(1_000_000);
  expect(await t.store.logLines.query({ ...of, function: "g", limit: 100 })).toHaveLength(20);
  const [last] = await t.store.logLines.query({ ...of, limit: 1 });
  expect(last?.msg).toMatch(/^(\d+ lines dropped|flood 19999)/);
});
