import { needsServer } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { judge } from "./invariants.ts";
import { type BrokerChoice, FAULT_KINDS } from "./plan.ts";
import { printReport } from "./report.ts";
import { run, type RunResult } from "./run.ts";

/** A short run; long ones are `npm run chaos`. */
async function shortly(broker: BrokerChoice, seed: number): Promise<RunResult> {
  const lines: string[] = [];
  const result = await run({
    ...{ seed, broker, forMs: 10_000, replicas: 3, faults: FAULT_KINDS, perSecond: 20, gapMs: 500 },
    drainMs: 120_000,
    signal: new AbortController().signal,
    say: (line) => void lines.push(line),
  });
  expect(result.passed, `${printReport(result)}\n${lines.join("\n")}`).toBe(true);
  return result;
}

test("ten seconds of faults on the platform's own brokers: nothing is lost, and no more runs twice than may", async () => {
  const { evidence, sources } = await shortly("embedded", 6);
  expect(evidence.faults.map(({ kind }) => kind)).toContain("kill");
  for (const { accepted, executed } of sources) expect(executed).toBeGreaterThan(accepted / 2);
  // The verdict rests on the ledger: with one success withheld the same run has lost something.
  const { mq } = evidence.accepted;
  const withheld = evidence.executions.find(({ key, outcome }) => mq.has(key) && outcome === "ok")?.key;
  const executions = evidence.executions.filter(({ key }) => key !== withheld);
  const report = judge({ ...evidence, executions }).find(({ source }) => source === "mq");
  expect(report).toMatchObject({ lost: [withheld], passed: false });
}, 300_000);

test("ten seconds of faults on NATS and Kafka: nothing is lost, and no more runs twice than may", async (ctx) => {
  needsServer(ctx, "nats-server");
  needsServer(ctx, "kafka");
  const { evidence } = await shortly("real", 6);
  expect(evidence.faults.map(({ kind }) => kind)).toContain("kill");
}, 300_000);
