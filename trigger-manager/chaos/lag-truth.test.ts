import { describe, expect, it } from "vitest";
import type { Execution, LagReading, Publication } from "./evidence.ts";
import type { Evidence } from "./invariants.ts";
import { judgeReadings } from "./lag-truth.ts";
import { NO_EVIDENCE } from "./test-evidence.ts";

const NONE: Evidence = { ...NO_EVIDENCE, forMs: 120_000 };

const ran = (n: number, more: Partial<Execution> = {}): Execution => ({
  source: "mq",
  event: `mq:S:${n}`,
  key: `${n}`,
  by: "0.1",
  beganAtMs: 2000,
  endedAtMs: 3000,
  outcome: "ok",
  ...more,
});
const sent = (n: number, more: Partial<Publication> = {}): Publication => ({
  ...{ source: "mq", key: `${n}`, target: "mq.q", ackedAtMs: 500 },
  ...more,
});
const told = (items: number | undefined, more: Partial<LagReading> = {}): LagReading => ({
  ...{ source: "mq", target: "mq.q", fromMs: 2000, toMs: 2010, items, positions: [] },
  ...more,
});
/** At the end of the run. */
const rest = told(0, { fromMs: 90_000, toMs: 90_010 });
const wrongOf = (evidence: Partial<Evidence>, source: "mq" | "stream" = "mq"): readonly string[] =>
  judgeReadings({ ...NONE, ...evidence }, source).wrong;

describe("a lag that is told", () => {
  const published = [sent(1), sent(2)];
  const executions = [ran(1), ran(2)];

  it("is true where it is no less than what waits, by the broker's and the function's word", () => {
    const readings = [told(2), told(7), rest];
    expect(judgeReadings({ ...NONE, published, executions, readings }, "mq")).toEqual({
      ...{ answered: 3, unanswered: 0, wrong: [] },
    });
  });

  it("is not true where it is less", () => {
    expect(wrongOf({ published, executions, readings: [told(1), rest] })).toEqual([
      "a lag of 1 was told of mq.q at 00:00:02.000, and 2 waited (1 first)",
    ]);
  });

  it("need not have what was done while it was read, or before, or was given up", () => {
    const readings = [told(0, { toMs: 3000 }), rest];
    expect(wrongOf({ published, executions, readings })).toEqual([]);
    const parked = [{ source: "mq", event: "mq:S:2", key: "2", isPoison: true, atMs: 2005 }] as const;
    const failed = [ran(1), ran(2, { outcome: "failed" })];
    expect(wrongOf({ published, executions: failed, parked, readings: [told(1), rest] })).toEqual([]);
    const late = [{ ...parked[0], atMs: 2011 }];
    expect(wrongOf({ published, executions: failed, parked: late, readings: [told(1), rest] })).toHaveLength(
      1,
    );
  });

  it("counts what failed, or was cut short, as waiting", () => {
    const failed = [ran(1, { endedAtMs: 900, outcome: "failed" }), ran(1, { beganAtMs: 2000 })];
    expect(wrongOf({ published: [sent(1)], executions: failed, readings: [told(0), rest] })).toHaveLength(1);
  });

  it("need not have what the broker had not acknowledged before, or only just, or never", () => {
    const ofLate = (ackedAtMs?: number) => [sent(1, { ackedAtMs })];
    for (const ackedAtMs of [2000, 1100, undefined])
      expect(wrongOf({ published: ofLate(ackedAtMs), executions, readings: [told(0), rest] })).toEqual([]);
  });

  it("is of its own queue", () => {
    const other = [sent(1), sent(2, { target: "mq.other" })];
    expect(wrongOf({ published: other, executions, readings: [told(1), rest] })).toEqual([]);
  });

  it("is to be nothing when all is done", () => {
    expect(
      wrongOf({ published, executions, readings: [rest, told(1, { fromMs: 99_000, toMs: 99_010 })] }),
    ).toEqual(["a lag of 1 was told of mq.q at the end of all"]);
  });
});

describe("a lag that is not told", () => {
  it("is no lag of 0", () => {
    const report = judgeReadings(
      { ...NONE, published: [sent(1)], executions: [ran(1)], readings: [told(undefined), rest] },
      "mq",
    );
    expect(report).toEqual({ answered: 1, unanswered: 1, wrong: [] });
  });

  it("is to be told again when nothing is broken any more", () => {
    expect(wrongOf({ readings: [rest, told(undefined, { fromMs: 99_000 })] })).toEqual([
      "no lag was told of mq.q at the end of all",
    ]);
  });

  it("proves nothing, if it never is in a minute", () => {
    const readings = [told(undefined)];
    expect(wrongOf({ readings })).toContain("no lag was ever told");
    expect(wrongOf({ readings, forMs: 59_000 })).not.toContain("no lag was ever told");
  });
});

describe("what a broker has as done", () => {
  const at = (source: "mq" | "stream", next: number, partition?: number): readonly LagReading[] => {
    const target = source === "mq" ? "mq.q" : "t";
    const position = { target, partition, next };
    return [told(9, { source, target, positions: [position] }), { ...rest, source, target }];
  };
  const published = [sent(1), sent(2), sent(3, { target: "mq.other" })];
  const executions = [ran(1, { endedAtMs: 2010 }), ran(2), ran(3)];

  it("is done", () => {
    expect(wrongOf({ published, executions, readings: at("mq", 2) })).toEqual([]);
    expect(wrongOf({ published, executions, readings: at("mq", 3) })).toEqual([
      "the broker had mq:S:2 of mq.q as done at 00:00:02.010, and it was not",
    ]);
  });

  it("has nothing of another queue's", () => {
    const other = [ran(1, { endedAtMs: 2010 }), ran(2, { endedAtMs: 1010 }), ran(3)];
    expect(wrongOf({ published, executions: other, readings: at("mq", 4) })).toEqual([]);
  });

  it("is no event that failed or was cut short, even where later ones of the partition are done", () => {
    const record = (offset: number, more: Partial<Execution>): Execution =>
      ran(offset, { source: "stream", event: `kafka:t:1:${offset}`, ...more });
    const topic = [sent(0), sent(1)].map((one): Publication => ({ ...one, source: "stream", target: "t" }));
    const wrong = (first: Partial<Execution>, next: number, partition: number) => {
      const records = [record(0, first), record(1, { endedAtMs: 1005 })];
      const readings = at("stream", next, partition);
      const all = wrongOf({ published: topic, executions: records, readings }, "stream");
      return all.filter((one) => one.startsWith("the broker had kafka:t:1:0 of t as done"));
    };
    expect(wrong({ endedAtMs: 1000 }, 2, 1)).toEqual([]);
    expect(wrong({ endedAtMs: 1000, outcome: "cut" }, 2, 1)).toHaveLength(1);
    expect(wrong({ endedAtMs: 1000, outcome: "failed" }, 2, 1)).toHaveLength(1);
    expect(wrong({ endedAtMs: 1000, outcome: "failed" }, 0, 1)).toEqual([]);
    expect(wrong({ endedAtMs: 1000, outcome: "failed" }, 2, 0)).toEqual([]);
  });
});
