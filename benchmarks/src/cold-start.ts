import { setTimeout as sleep } from "node:timers/promises";
import { deployHello, RUNTIMES, type RuntimeName } from "./hello-function.ts";
import { interpreterBoots, interpreterVersions } from "./interpreter.ts";
import { machine } from "./machine.ts";
import { makeServeHome, startServe, untilScaledToZero, type ServeProcess } from "./serve-process.ts";
import { atMost, median, percentile, round, type Row, type Suite, type SuiteResult } from "./suite.ts";

const FUNCTIONS = 34;
const ROUNDS = 3;
const PAUSE_MS = 250;
const STARTS = ["warm pool", "empty pool"] as const;
type Start = (typeof STARTS)[number];

/** One call of a function that is scaled to zero, and one right after it. */
interface Sample {
  /** From before the connection to the whole answer. */
  readonly callerMs: number;
  /** `X-Function-Cold-Start-Ms`: whole milliseconds until an instance was ready. */
  readonly headerMs: number;
  readonly warmMs: number;
}

const functionName = (runtime: RuntimeName, i: number): string => `hello-${runtime}-${i}`;

function config(start: Start): string {
  return `local:
  warm_workers: ${start === "warm pool" ? 1 : 0}
  stable_window: 6s
  scale_to_zero_grace: 0s
  max_instances: ${FUNCTIONS * 4}
`;
}

async function coldCall(platform: ServeProcess, name: string): Promise<Sample> {
  const cold = await platform.call(name);
  const warm = await platform.call(name);
  const headerMs = Number(cold.headers["x-function-cold-start-ms"]);
  if (cold.status !== 200 || warm.status !== 200) {
    throw new Error(`${name} answered ${cold.status} and ${warm.status}: ${cold.body}${warm.body}`);
  }
  if (!(headerMs >= 0)) throw new Error(`the first call of ${name} in a round was not a cold start`);
  if (warm.headers["x-function-cold-start-ms"] !== undefined)
    throw new Error(`the second call of ${name} was cold`);
  return { callerMs: cold.ms, headerMs, warmMs: warm.ms };
}

/** All functions pass through zero between two rounds by the autoscaler alone; nothing is killed. */
async function measure(start: Start, signal: AbortSignal): Promise<Record<RuntimeName, Sample[]>> {
  await using home = await makeServeHome();
  await using platform = await startServe(home, config(start), signal);
  const pooled = start === "warm pool" ? RUNTIMES.length : 0;
  for (let i = 0; i < FUNCTIONS; i++) {
    for (const runtime of RUNTIMES) {
      await deployHello(platform, home.path, functionName(runtime, i), runtime, signal);
    }
  }
  const samples: Record<RuntimeName, Sample[]> = { python: [], typescript: [] };
  for (let round = 0; round < ROUNDS; round++) {
    await untilScaledToZero(platform, pooled, 60_000, signal);
    await sleep(1000, undefined, { signal });
    for (let i = 0; i < FUNCTIONS; i++) {
      for (const runtime of RUNTIMES) {
        samples[runtime].push(await coldCall(platform, functionName(runtime, i)));
        await sleep(PAUSE_MS, undefined, { signal });
      }
    }
  }
  return samples;
}

function summarise(runtime: RuntimeName, start: Start, samples: readonly Sample[], bootP50: number): Row {
  const caller = samples.map(({ callerMs }) => callerMs);
  const header = samples.map(({ headerMs }) => headerMs);
  return {
    runtime,
    start,
    samples: samples.length,
    from_zero_p50_ms: round(percentile(caller, 0.5)),
    from_zero_p99_ms: round(percentile(caller, 0.99)),
    header_p50_ms: percentile(header, 0.5),
    header_p99_ms: percentile(header, 0.99),
    warm_call_p50_ms: round(median(samples.map(({ warmMs }) => warmMs))),
    from_zero_to_interpreter_boot: round(percentile(caller, 0.5) / bootP50),
  };
}

function judge(rows: readonly Row[]) {
  return RUNTIMES.flatMap((runtime) => {
    const of = (start: Start, column: string): number =>
      Number(rows.find((row) => row["runtime"] === runtime && row["start"] === start)?.[column]);
    return [
      atMost(`${runtime}, warm pool, from zero, ms (p50)`, 30, of("warm pool", "from_zero_p50_ms")),
      atMost(`${runtime}, warm pool, from zero, ms (p99)`, 150, of("warm pool", "from_zero_p99_ms")),
      atMost(`${runtime}, empty pool, from zero, ms (p50)`, 400, of("empty pool", "from_zero_p50_ms")),
    ];
  });
}

/** On a machine with other load the figures are too high, never too low; the load averages stand beside them. */
async function run(signal: AbortSignal): Promise<SuiteResult> {
  const before = { ...machine(), ...interpreterVersions() };
  const measured = new Map<Start, Record<RuntimeName, Sample[]>>();
  for (const start of STARTS) measured.set(start, await measure(start, signal));
  const rows: Row[] = [];
  for (const runtime of RUNTIMES) {
    const boots = await interpreterBoots(runtime, FUNCTIONS * ROUNDS, signal);
    const bootP50 = percentile(boots, 0.5);
    for (const start of STARTS) {
      rows.push(summarise(runtime, start, measured.get(start)?.[runtime] ?? [], bootP50));
    }
    rows.push({
      runtime,
      start: "bare interpreter, to its first line",
      samples: boots.length,
      from_zero_p50_ms: round(bootP50),
      from_zero_p99_ms: round(percentile(boots, 0.99)),
    });
  }
  const conditions = {
    ...before,
    setup: "hanzo-fn serve with embedded PostgreSQL; client, platform and instances share the cores",
    functions: `${FUNCTIONS} hello functions per runtime, each with its own source`,
    load: `${ROUNDS} rounds; one call at a time, ${PAUSE_MS} ms apart, each over a new connection`,
    cold: "each call meets a function that the autoscaler has scaled to zero (stable_window 6s)",
    from_zero: "from before the connection to the whole answer, as the caller sees it",
    header: "X-Function-Cold-Start-Ms",
  };
  return { suite: "cold-start", conditions, rows, targets: judge(rows) };
}

export const coldStartSuite: Suite = {
  name: "cold-start",
  description: "calls of functions at zero, with a warm and with an empty pool, beside a bare interpreter",
  run,
};
