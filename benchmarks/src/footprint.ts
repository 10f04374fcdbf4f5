import { setTimeout as sleep } from "node:timers/promises";
import { deployHello, RUNTIMES } from "./hello-function.ts";
import { interpreterVersions } from "./interpreter.ts";
import { machine } from "./machine.ts";
import { commandLine, processTree, pssBytes } from "./processes.ts";
import { makeServeHome, startServe, untilScaledToZero, type ServeProcess } from "./serve-process.ts";
import { atMost, round, type Row, type Suite, type SuiteResult } from "./suite.ts";

const FUNCTIONS = 1000;
const AT_ONCE = 6;
const SETTLE_MS = 15_000;
const IDLE_MS = 30_000;
const MEGABYTE = 1e6;

const CONFIG = `local:
  warm_workers: 1
  stable_window: 6s
  scale_to_zero_grace: 0s
`;

function kindOf(pid: number, platform: number): string {
  if (pid === platform) return "platform";
  const command = commandLine(pid);
  if (command.includes("server_main.py")) return "python_worker";
  if (command.includes("server/main.js")) return "typescript_worker";
  return command.includes("postgres") ? "postgresql" : "other";
}

const KINDS = ["platform", "postgresql", "python_worker", "typescript_worker", "other"] as const;

/** Memory now and CPU over `IDLE_MS`, of all processes of a platform that nobody talks to. */
async function footprint(platform: ServeProcess, state: string, signal: AbortSignal): Promise<Row> {
  await untilScaledToZero(platform, RUNTIMES.length, 600_000, signal);
  await sleep(SETTLE_MS, undefined, { signal });
  const before = new Map(processTree(platform.pid).map(({ pid, cpuSeconds }) => [pid, cpuSeconds]));
  const began = performance.now();
  await sleep(IDLE_MS, undefined, { signal });
  const tree = processTree(platform.pid);
  // Process by process: one that ended meanwhile (an idle database connection) must not count backwards.
  const used = tree.reduce((sum, { pid, cpuSeconds }) => sum + cpuSeconds - (before.get(pid) ?? 0), 0);
  const cpuPercent = (used * 1e5) / (performance.now() - began);
  const sums = new Map<string, number>(KINDS.map((kind) => [kind, 0]));
  for (const { pid } of tree) {
    const kind = kindOf(pid, platform.pid);
    sums.set(kind, (sums.get(kind) ?? 0) + pssBytes(pid));
  }
  const megabytes = (bytes: number): number => round(bytes / MEGABYTE);
  const parts = [...sums].map(([kind, bytes]) => [`${kind}_mb`, megabytes(bytes)] as const);
  const all = [...sums.values()].reduce((sum, bytes) => sum + bytes, 0);
  return {
    state,
    pss_mb: Number((all / MEGABYTE).toFixed(1)),
    ...Object.fromEntries(parts),
    processes: tree.length,
    cpu_percent: round(cpuPercent),
  };
}

async function deployAll(platform: ServeProcess, parent: string, signal: AbortSignal): Promise<void> {
  let next = 0;
  const work = async (): Promise<void> => {
    for (let i = next++; i < FUNCTIONS; i = next++) {
      const runtime = RUNTIMES[i % RUNTIMES.length] ?? "python";
      await deployHello(platform, parent, `idle-${i}`, runtime, signal);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

function judge([empty, deployed, restarted]: readonly Row[]) {
  const of = (row: Row | undefined, column: string): number => Number(row?.[column]);
  const added = (after: Row | undefined, before: Row | undefined): number =>
    of(after, "pss_mb") - of(before, "pss_mb");
  return [
    atMost("idle, PSS of all processes, MB", 250, of(empty, "pss_mb")),
    atMost("idle, CPU, %", 1, of(empty, "cpu_percent")),
    atMost("1,000 idle functions add, platform started with them, MB", 20, added(restarted, empty)),
    atMost("1,000 idle functions add, in the process that deployed them, MB", 20, added(deployed, empty)),
  ];
}

async function run(signal: AbortSignal): Promise<SuiteResult> {
  const before = { ...machine(), ...interpreterVersions() };
  await using home = await makeServeHome();
  const rows: Row[] = [];
  {
    await using platform = await startServe(home, CONFIG, signal);
    rows.push(await footprint(platform, "no functions", signal));
    await deployAll(platform, home.path, signal);
    rows.push(await footprint(platform, "1,000 idle functions, just deployed", signal));
  }
  await using platform = await startServe(home, CONFIG, signal);
  rows.push(await footprint(platform, "1,000 idle functions, after a restart", signal));
  const conditions = {
    ...before,
    setup: "hanzo-fn serve, embedded PostgreSQL, one warm worker per runtime, functions scaled to zero",
    measured_memory:
      "sum of the proportional set sizes (smaps_rollup) of the process tree; 1 MB = 10^6 bytes",
    measured_cpu: `of one core, processes that live at the end, over ${IDLE_MS / 1000} s, ${SETTLE_MS / 1000} s after the last change`,
    functions: `${FUNCTIONS} hello functions, half of each runtime, each with its own source`,
    processes_beside: "the benchmark itself is a node process, and shares the pages of the node binary",
  };
  return { suite: "footprint", conditions, rows, targets: judge(rows) };
}

export const footprintSuite: Suite = {
  name: "footprint",
  description: "memory and CPU of an idle platform, without functions and with 1,000",
  run,
};
