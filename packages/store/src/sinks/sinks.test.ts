import { PlatformError, type FunctionLogEntry, type InvocationRecord } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog, waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { DURATION_BUCKETS_MS, merged, type Figures } from "../queries/figures.ts";
import { toStorableJson } from "../json.ts";
import { clipLine } from "./clip.ts";
import { createFiguresSink } from "./figures-sink.ts";
import { createLogBuffer } from "./log-buffer.ts";
import { createLogSink } from "./log-sink.ts";
import { bucketOf, createTally } from "./tally.ts";

const line = (msg: string, more: Partial<FunctionLogEntry> = {}): FunctionLogEntry => ({
  tsMs: 1000,
  level: "info",
  msg,
  org: "acme",
  function: "f",
  revision: "f-00001",
  instance: "i-1",
  stream: "stdout",
  ...more,
});

const call = (more: Partial<InvocationRecord> = {}): InvocationRecord => ({
  org: "acme",
  function: "f",
  revision: "f-00001",
  runtime: "python3.12",
  trigger: "http",
  status: "success",
  httpStatus: 200,
  errorType: "",
  durationMs: 7,
  coldStartMs: undefined,
  requestId: "r",
  instance: "i",
  endedAtMs: 61_000,
  ...more,
});

const away = new PlatformError("database_unavailable", "away");

describe("the log buffer", () => {
  test("says in place how many lines a function lost, and takes its lines again after that", () => {
    const buffer = createLogBuffer({ maxBytes: 610, maxBytesPerFunction: 610 });
    const taken = ["a", "b", "c", "d", "e"].map((msg) => buffer.add(line(msg)));
    expect(taken).toEqual([true, true, true, false, false]);
    expect(buffer.peek(10).map((entry) => entry.msg)).toEqual([
      "a",
      "b",
      "c",
      "2 lines dropped: logs came faster than they could be stored",
    ]);
    buffer.drop(3);
    expect(buffer.add(line("f"))).toBe(true);
    expect(buffer.peek(10).at(-1)?.msg).toBe("f");
  });

  test("keeps room for the neighbours of a function that floods it", () => {
    const buffer = createLogBuffer({ maxBytes: 10_000, maxBytesPerFunction: 2500 });
    const kept = Array.from({ length: 100 }, (_, i) => buffer.add(line(String(i)))).filter(Boolean).length;
    expect(kept).toBeGreaterThan(5);
    expect(kept).toBeLessThan(15);
    expect(buffer.add(line("neighbour", { function: "g" }))).toBe(true);
  });
});

describe("a log line", () => {
  test("keeps a message of 64 Ki characters and says what it cut of a longer one", () => {
    expect(clipLine(line("x".repeat(65_536))).entry.msg).toHaveLength(65_536);
    expect(clipLine(line("x".repeat(65_546))).entry.msg).toBe(`${"x".repeat(65_536)} … (10 more characters)`);
  });

  test("keeps its message where its fields are no JSON", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    expect(clipLine(line("m", { fields: cycle })).entry).toMatchObject({
      msg: "m",
      fields: { dropped: "fields that are no JSON" },
    });
  });

  test("has what jsonb refuses replaced, and nothing that only looks like it", () => {
    const fields = { nul: "a\0b", lone: "\ud800", literal: String.raw`a\u0000b`, pair: "😀" };
    expect(JSON.parse(toStorableJson(fields))).toEqual({ ...fields, nul: "a\ufffdb", lone: "\ufffd" });
  });
});

describe("the log sink", () => {
  test("keeps lines while the database is away and stores them in order when it is back", async () => {
    const stored: string[] = [];
    let refusals = 2;
    const store = {
      appendLogs(entries: readonly FunctionLogEntry[]) {
        if (refusals-- > 0) return Promise.reject(away);
        stored.push(...entries.map((entry) => entry.msg));
        return Promise.resolve();
      },
    };
    const sink = createLogSink({ store, clock: systemClock, log: recordingLog() }, { intervalMs: 1 });
    await sink.start(AbortSignal.timeout(1000));
    sink.append(line("a"));
    sink.append(line("b"));
    await waitFor("the lines", () => stored.length === 2);
    expect(stored).toEqual(["a", "b"]);
    await sink.stop(1000);
  });

  test("stores the neighbours of a line that the database refuses, each once", async () => {
    const stored: string[] = [];
    const store = {
      appendLogs(entries: readonly FunctionLogEntry[]) {
        if (entries.some((entry) => entry.msg === "bad")) return Promise.reject(new Error("refused"));
        stored.push(...entries.map((entry) => entry.msg));
        return Promise.resolve();
      },
    };
    const log = recordingLog();
    const sink = createLogSink({ store, clock: systemClock, log });
    for (const msg of ["a", "b", "bad", "c", "d"]) sink.append(line(msg));
    await sink.start(AbortSignal.timeout(1000));
    await sink.stop(1000);
    expect(stored).toEqual(["a", "b", "c", "d"]);
    expect(log.lines.map((entry) => entry.msg)).toContain("a log line cannot be stored");
  });

  test("stores what it holds when it stops, and gives up at the end of the grace period", async () => {
    const stored: string[] = [];
    const good = createLogSink({
      store: { appendLogs: (entries) => Promise.resolve(void stored.push(...entries.map((e) => e.msg))) },
      clock: systemClock,
      log: recordingLog(),
    });
    await good.start(AbortSignal.timeout(1000));
    good.append(line("last words"));
    await good.stop(1000);
    expect(stored).toEqual(["last words"]);

    const store = { appendLogs: () => Promise.reject(away) };
    const bad = createLogSink({ store, clock: systemClock, log: recordingLog() });
    bad.append(line("lost"));
    await expect(bad.stop(300)).resolves.toBeUndefined();
  });
});

describe("figures", () => {
  test("are summed up per revision, trigger and minute", () => {
    const tally = createTally(10);
    tally.add(call());
    tally.add(call({ status: "error", durationMs: 80, coldStartMs: 30 }));
    tally.add(call({ status: "timeout", durationMs: 1_000_000, endedAtMs: 119_999 }));
    tally.add(call({ endedAtMs: 120_000 }));
    expect(tally.calls).toBe(4);
    const rows = tally.take();
    expect(rows).toHaveLength(2);
    const buckets = Array.from({ length: DURATION_BUCKETS_MS.length + 1 }, () => 0);
    buckets[1] = 1;
    buckets[4] = 1;
    buckets[17] = 1;
    expect(rows[0]).toMatchObject({
      minute: new Date(60_000),
      invocations: 3,
      errors: 1,
      timeouts: 1,
      coldStarts: 1,
      durationMsSum: 1_000_087,
      coldMsSum: 30,
      durationBuckets: buckets,
    });
    expect(tally.take()).toEqual([]);
  });

  test("fall into the bucket whose upper bound they do not exceed", () => {
    expect([0, 5, 5.1, 900_000, 900_001].map(bucketOf)).toEqual([0, 0, 1, 16, 17]);
  });

  test("of one key in one batch become one row", () => {
    const tally = createTally(10);
    tally.add(call());
    const [row] = tally.take() as [Figures];
    expect(merged([row, row])).toEqual([
      { ...row, invocations: 2, durationMsSum: 14, durationBuckets: row.durationBuckets.map((n) => n * 2) },
    ]);
  });

  test("are added once each when the database was away, and counted as lost beyond the bound", async () => {
    const added: Figures[] = [];
    let refusals = 1;
    const figures = {
      add(batch: readonly Figures[]) {
        if (refusals-- > 0) return Promise.reject(away);
        added.push(...batch);
        return Promise.resolve();
      },
    };
    const log = recordingLog();
    const sink = createFiguresSink(
      { store: { figures }, clock: systemClock, log },
      { intervalMs: 1, maxRows: 2 },
    );
    for (const revision of ["f-00001", "f-00001", "f-00002", "f-00003"]) sink.record(call({ revision }));
    await sink.start(AbortSignal.timeout(1000));
    await waitFor("the figures", () => added.length === 2);
    await sink.stop(1000);
    expect(added.map((row) => row.invocations)).toEqual([2, 1]);
    expect(log.lines).toContainEqual(expect.objectContaining({ fields: { calls: 1 } }));
  });
});
