import { setTimeout as sleep } from "node:timers/promises";
import { RUNTIMES, writeHello, type RuntimeName } from "./hello-function.ts";
import { interpreterBoots, interpreterVersions } from "./interpreter.ts";
import { machine } from "./machine.ts";
import { makeServeHome, startServe, type ServeHome, type ServeProcess } from "./serve-process.ts";
import { atMost, median, percentile, round, type Row, type Suite, type SuiteResult } from "./suite.ts";

const DEPLOYS = 25;
const PAUSE_MS = 500;

interface Sample {
  /** From the start of the CLI process to the whole first 200. */
  readonly totalMs: number;
  readonly cliMs: number;
  readonly callMs: number;
  /** As the platform tells them: `build`, `start`. */
  readonly phasesMs: Readonly<Record<string, number>>;
}

async function deployOnce(
  platform: ServeProcess,
  home: ServeHome,
  name: string,
  runtime: RuntimeName,
): Promise<Sample> {
  const folder = await writeHello(home.path, name, runtime);
  const began = performance.now();
  const output = await platform.cli("deploy", "--source", folder, "-o", "json");
  const cliMs = performance.now() - began;
  const answer = await platform.call(name);
  const totalMs = performance.now() - began;
  if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}: ${answer.body}`);
  const { revision } = JSON.parse(output) as {
    readonly revision: { readonly phases_ms: Record<string, number> };
  };
  return { totalMs, cliMs, callMs: answer.ms, phasesMs: revision.phases_ms };
}

function summarise(runtime: RuntimeName, samples: readonly Sample[], cliBoot: number, nodeBoot: number): Row {
  const total = samples.map(({ totalMs }) => totalMs);
  const phase = (name: string): number => round(median(samples.map(({ phasesMs }) => phasesMs[name] ?? 0)));
  return {
    runtime,
    samples: samples.length,
    p50_ms: round(percentile(total, 0.5)),
    max_ms: round(Math.max(...total)),
    cli_p50_ms: round(median(samples.map(({ cliMs }) => cliMs))),
    build_p50_ms: phase("build"),
    start_p50_ms: phase("start"),
    call_p50_ms: round(median(samples.map(({ callMs }) => callMs))),
    "hanzo-fn_version_p50_ms": round(cliBoot),
    to_bare_node_boot: round(percentile(total, 0.5) / nodeBoot),
  };
}

async function timed(times: number, work: () => Promise<unknown>): Promise<number[]> {
  const samples: number[] = [];
  for (let i = 0; i < times; i++) {
    const began = performance.now();
    await work();
    samples.push(performance.now() - began);
  }
  return samples;
}

/** On a machine with other load the figures are too high, never too low; the load averages stand beside them. */
async function run(signal: AbortSignal): Promise<SuiteResult> {
  const before = { ...machine(), ...interpreterVersions() };
  await using home = await makeServeHome();
  await using platform = await startServe(home, "{}\n", signal);
  const samples: Record<RuntimeName, Sample[]> = { python: [], typescript: [] };
  // The first of each runtime fills the CLI's compile cache, as the first command of a user does.
  for (let i = -1; i < DEPLOYS; i++) {
    for (const runtime of RUNTIMES) {
      const sample = await deployOnce(platform, home, `hello-${runtime}-${i + 1}`, runtime);
      if (i >= 0) samples[runtime].push(sample);
      await sleep(PAUSE_MS, undefined, { signal });
    }
  }
  const cliBoot = median(await timed(DEPLOYS, () => platform.cli("--version")));
  const nodeBoot = median(await interpreterBoots("typescript", DEPLOYS, signal));
  const rows = RUNTIMES.map((runtime) => summarise(runtime, samples[runtime], cliBoot, nodeBoot));
  const conditions = {
    ...before,
    setup: "hanzo-fn serve with embedded PostgreSQL and its default of one warm worker per runtime",
    measured: "a new function each time: start of `hanzo-fn deploy` until the end of the first 200 on :8061",
    load: `one deploy at a time, ${PAUSE_MS} ms apart; runtimes interleaved`,
    bare_node_boot_p50_ms: round(nodeBoot),
  };
  const targets = rows.map((row) =>
    atMost(`${row.runtime}, source to first 200, ms (p50)`, 1000, row.p50_ms as number),
  );
  return { suite: "deploy", conditions, rows, targets };
}

export const deploySuite: Suite = {
  name: "deploy",
  description: "source to the first 200 through the CLI, without new dependencies",
  run,
};
