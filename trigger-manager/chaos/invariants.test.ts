import { describe, expect, it } from "vitest";
import type { Execution, FaultRecord } from "./evidence.ts";
import { type Evidence, judge, type SourceReport } from "./invariants.ts";
import { IN_FLIGHT, type SourceName } from "./settings.ts";
import { NO_EVIDENCE } from "./test-evidence.ts";

const NONE = NO_EVIDENCE;

const ran = (key: string, more: Partial<Execution> = {}): Execution => {
  const source = more.source ?? "mq";
  return {
    source,
    event: `e${key}`,
    key,
    by: "0.1",
    beganAtMs: 1000,
    endedAtMs: 1010,
    outcome: "ok",
    ...more,
  };
};
const killed = (by: string, fromMs: number): FaultRecord => ({
  kind: "kill",
  by,
  fromMs,
  untilMs: fromMs + 500,
});

function reportOf(evidence: Partial<Evidence>, source: SourceName = "mq"): SourceReport {
  return judge({ ...NONE, ...evidence }).find((one) => one.source === source) ?? expect.unreachable();
}
const accepts = (...keys: string[]) => ({ ...NONE.accepted, mq: new Set(keys) });
const cutOff = { endedAtMs: undefined, outcome: undefined };

describe("the invariants of a run", () => {
  it("hold where everything accepted succeeded once, or was given up", () => {
    const parked = [{ source: "mq", event: "e2", key: "2", isPoison: true, atMs: 1500 }] as const;
    const executions = [ran("1"), ran("2", { outcome: "failed" }), ran("2", { outcome: "failed" })];
    expect(reportOf({ accepted: accepts("1", "2"), executions, parked })).toMatchObject({
      ...{ accepted: 2, executed: 1, parked: 1, lost: [], duplicates: 0, bound: 0, passed: true },
    });
  });

  it("fail where an accepted message has no line in the ledger", () => {
    const report = reportOf({ accepted: accepts("1", "2"), executions: [ran("1")] });
    expect(report).toMatchObject({ lost: ["2"], passed: false });
  });

  it("fail where the end of an accepted message is withheld, or is no success", () => {
    expect(reportOf({ accepted: accepts("1"), executions: [ran("1", cutOff)] }).lost).toEqual(["1"]);
    expect(reportOf({ accepted: accepts("1"), executions: [ran("1", { outcome: "cut" })] }).lost).toEqual([
      "1",
    ]);
  });

  it("fail where something runs twice without a fault", () => {
    const report = reportOf({ executions: [ran("1"), ran("1", { beganAtMs: 5000 })] });
    expect(report).toMatchObject({ duplicates: 1, bound: 0, passed: false });
    expect(report.unexplained).toEqual(["e1 on 0.1, then on 0.1"]);
  });

  it("take no second run as a duplicate where the first one failed", () => {
    const executions = [ran("1", { outcome: "failed" }), ran("1", { beganAtMs: 2000 })];
    expect(reportOf({ executions })).toMatchObject({ duplicates: 0, passed: true });
  });

  it("allow the events that a killed replica had in hand to run again, once each", () => {
    const faults = [killed("0.1", 1005)];
    const again = { by: "1.1", beganAtMs: 4000, endedAtMs: 4010 };
    const executions = [ran("1", cutOff), ran("1", again)];
    expect(reportOf({ faults, executions })).toMatchObject({ duplicates: 1, bound: 1, passed: true });
    const thrice = [...executions, ran("1", { ...again, beganAtMs: 4500 })];
    expect(reportOf({ faults, executions: thrice })).toMatchObject({
      duplicates: 2,
      bound: 1,
      passed: false,
    });
  });

  it("do not excuse one replica by the death of another, nor what was settled long before", () => {
    const again = { by: "1.1", beganAtMs: 9000 };
    const executions = [ran("1"), ran("1", again)];
    expect(reportOf({ faults: [killed("2.1", 1005)], executions }).unexplained).toHaveLength(1);
    expect(reportOf({ faults: [killed("0.1", 6000)], executions }).unexplained).toHaveLength(1);
  });

  it("excuse a replica that slept through its lease and then runs what it had claimed", () => {
    const faults: FaultRecord[] = [{ kind: "stop", by: "0.1", fromMs: 900, untilMs: 8000 }];
    const executions = [
      ran("1", { by: "1.1", beganAtMs: 5000, endedAtMs: 5010 }),
      ran("1", { beganAtMs: 8001 }),
    ];
    expect(reportOf({ faults, executions }).unexplained).toEqual([]);
  });

  it("never excuse anything by a clock", () => {
    const faults: FaultRecord[] = [{ kind: "clock", by: "0.1", fromMs: 0, untilMs: 9000 }];
    expect(reportOf({ faults, executions: [ran("1"), ran("1", { by: "1.1" })] }).unexplained).toHaveLength(1);
  });

  it("bound the events of a fault by what the settings let one replica have in flight", () => {
    const many = Array.from({ length: 2 * IN_FLIGHT.mq }, (_, i) => ran(`${i}`, cutOff));
    expect(reportOf({ faults: [killed("0.1", 1005)], executions: many }).bound).toBe(IN_FLIGHT.mq);
  });

  it("bound streams by what replicas told when partitions moved, and what killed ones had not committed", () => {
    const stream = (key: string, more: Partial<Execution> = {}) => ran(key, { source: "stream", ...more });
    const revoked = [{ by: "1.1", atMs: 1500, atRisk: 7 }];
    const executions = [stream("1", { endedAtMs: 1001 }), stream("2", cutOff), stream("3", { by: "1.1" })];
    const report = reportOf({ faults: [killed("0.1", 1500)], executions, revoked }, "stream");
    expect(report.bound).toBe(7 + 2);
  });

  it("count what a killed replica had done above a record that it still had, however long ago that was", () => {
    const stream = (offset: number, more: Partial<Execution>) =>
      ran(`${offset}`, { source: "stream", event: `log:t:0:${offset}`, ...more });
    const held = stream(0, { beganAtMs: 990, ...cutOff });
    const above = stream(1, { beganAtMs: 1000, endedAtMs: 1010 });
    const again = stream(1, { by: "1.1", beganAtMs: 9000, endedAtMs: 9001 });
    const faults = [killed("0.1", 8000)];
    const after = { duplicates: 1, bound: 2, unexplained: [] };
    expect(reportOf({ faults, executions: [held, above, again] }, "stream")).toMatchObject(after);
    const elsewhere = { ...held, event: "log:t:1:0" };
    const without = reportOf({ faults, executions: [elsewhere, above, again] }, "stream");
    expect(without).toMatchObject({ bound: 1, unexplained: ["log:t:0:1 on 0.1, then on 1.1"] });
  });

  it("fail where records of a partition, or of a key, succeed in another order than that of the log", () => {
    const record = (topic: string, offset: number, n: number, beganAtMs: number): Execution =>
      ran(`${n}`, { source: "stream", event: `log:${topic}:0:${offset}`, beganAtMs });
    const problemsOf = (executions: readonly Execution[]) => reportOf({ executions }, "stream").problems;
    const swapped = (topic: string, n: number) => [record(topic, 0, 0, 2000), record(topic, 1, n, 1000)];
    expect(problemsOf(swapped("chaos_partition", 1))).toHaveLength(1);
    expect(problemsOf(swapped("chaos_key", 20))).toHaveLength(1);
    expect(problemsOf(swapped("chaos_key", 1))).toEqual([]);
  });

  it("fail where something was given up that is no poison", () => {
    const parked = [{ source: "mq", event: "e1", key: "1", isPoison: false, atMs: 1500 }] as const;
    expect(reportOf({ parked }).problems).toEqual(["e1 was given up, and is no poison"]);
  });

  it("fail where a lag was told that was not true, and where none ever was", () => {
    const published = [{ source: "mq", key: "1", target: "mq.q", ackedAtMs: 500 }] as const;
    const reading = { source: "mq", target: "mq.q", fromMs: 2000, toMs: 2005, positions: [] } as const;
    const executions = [ran("1", { endedAtMs: 3000 })];
    const rest = { ...reading, fromMs: 9000, toMs: 9005, items: 0 };
    const of = (items?: number) => ({ published, executions, readings: [{ ...reading, items }, rest] });
    expect(reportOf(of(1))).toMatchObject({ lags: { answered: 2, unanswered: 0 }, passed: true });
    expect(reportOf(of())).toMatchObject({ lags: { answered: 1, unanswered: 1 }, passed: true });
    expect(reportOf(of(0))).toMatchObject({ lags: { answered: 2, unanswered: 0 }, passed: false });
    expect(reportOf({ readings: [reading], forMs: 60_000 })).toMatchObject({ passed: false });
    expect(reportOf(of(1), "cron").lags).toBeUndefined();
  });

  it("fail where a record is wrong by itself", () => {
    const wrongRecords = [{ source: "tasks", problem: "task_1 ended as succeeded, then as failed" }] as const;
    expect(reportOf({ wrongRecords }, "tasks")).toMatchObject({ passed: false });
    expect(reportOf({ wrongRecords }, "cron")).toMatchObject({ passed: true });
  });
});
