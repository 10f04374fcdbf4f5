import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { machine, machineBusySeconds, requireQuiet } from "./machine.ts";
import { goBinary, nginxConfig, PEERS_SOURCE } from "./peers.ts";
import { freePort, startPinned, type PinnedProcess } from "./pinned-process.ts";
import { atLeast, atMost, median, round, type Row, type Suite, type SuiteResult } from "./suite.ts";
import { wrk } from "./wrk.ts";

const ROUNDS = 3;
const SECONDS = 3;
const CONNECTIONS = 16;
const PROXY_CORE = 0;
const CLIENT_CORE = 1;
const PATH = "/v1/functions/hello";

const SUBJECTS = ["direct", "ours", "nginx", "go", "node-http"] as const;
type Subject = (typeof SUBJECTS)[number];

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Of the subject's core: its own share, and that of all processes of the machine but it. */
  readonly utilisation: number;
  readonly othersCores: number;
  readonly p99Us: number;
}

interface Bench {
  readonly ports: Readonly<Record<Subject, number>>;
  readonly processes: ReadonlyMap<Subject, PinnedProcess>;
  readonly headers: Readonly<Record<string, string>>;
}

function requirePeers(): void {
  for (const name of ["hello", "reverse-proxy"] as const) {
    if (!existsSync(goBinary(name))) throw new Error("the peers are missing: npm run bench:setup");
  }
  if (cpus().length < 2)
    throw new Error("two cores are needed: one for the proxy, one for client and upstream");
}

async function start(stack: AsyncDisposableStack, directory: string, signal: AbortSignal): Promise<Bench> {
  const pairs = await Promise.all(SUBJECTS.map(async (name) => [name, await freePort()] as const));
  const ports = Object.fromEntries(pairs) as Record<Subject, number>;
  const upstream = ports.direct;
  const token = join(directory, "token");
  const config = join(directory, "nginx.conf");
  writeFileSync(config, nginxConfig(ports.nginx, upstream, directory));
  const node = process.execPath;
  const commands: Record<Subject, readonly string[]> = {
    direct: [goBinary("hello"), `127.0.0.1:${upstream}`],
    ours: [node, join(import.meta.dirname, "proxy-under-test.ts"), `${ports.ours}`, `${upstream}`, token],
    nginx: ["nginx", "-c", config, "-p", directory],
    go: [goBinary("reverse-proxy"), `127.0.0.1:${ports.go}`, `127.0.0.1:${upstream}`],
    "node-http": [node, join(PEERS_SOURCE, "node-http-proxy.ts"), `${ports["node-http"]}`, `${upstream}`],
  };
  const processes = new Map<Subject, PinnedProcess>();
  for (const name of SUBJECTS) {
    const core = name === "direct" ? CLIENT_CORE : PROXY_CORE;
    const environment = name === "go" || name === "direct" ? { GOMAXPROCS: "1" } : {};
    processes.set(name, stack.use(await startPinned(core, commands[name], ports[name], signal, environment)));
  }
  const headers = { Authorization: `Bearer ${readFileSync(token, "utf8")}` };
  return { ports, processes, headers };
}

async function measure(bench: Bench, name: Subject, signal: AbortSignal): Promise<Sample> {
  const subject = bench.processes.get(name) as PinnedProcess;
  const url = `http://127.0.0.1:${bench.ports[name]}${PATH}`;
  const load = { connections: CONNECTIONS, headers: bench.headers };
  await wrk(CLIENT_CORE, url, { ...load, seconds: 1 }, signal);
  const cpu = subject.cpuSeconds();
  const busy = machineBusySeconds();
  const began = performance.now();
  const result = await wrk(CLIENT_CORE, url, { ...load, seconds: SECONDS }, signal);
  const seconds = (performance.now() - began) / 1000;
  const used = subject.cpuSeconds() - cpu;
  return {
    perSecond: result.perSecond,
    cpuUs: (used / result.requests) * 1e6,
    utilisation: used / seconds,
    othersCores: (machineBusySeconds() - busy - used) / seconds,
    p99Us: result.p99Us,
  };
}

async function singleP50(bench: Bench, name: Subject, signal: AbortSignal): Promise<number> {
  const url = `http://127.0.0.1:${bench.ports[name]}${PATH}`;
  const result = await wrk(CLIENT_CORE, url, { connections: 1, seconds: 2, headers: bench.headers }, signal);
  return result.p50Us;
}

function version(command: string, ...args: string[]): string {
  return execFileSync("sh", ["-c", `${command} ${args.join(" ")} 2>&1`], { encoding: "utf8" }).trim();
}

function conditions(before: Record<string, string | number>): Record<string, string | number> {
  return {
    ...before,
    nginx: version("nginx", "-v").replace("nginx version: ", ""),
    go: version("go", "version"),
    setup: `proxy alone on core ${PROXY_CORE}; wrk and the Go upstream on core ${CLIENT_CORE}; TCP, keep-alive`,
    load: `wrk, ${CONNECTIONS} connections, ${ROUNDS} interleaved rounds of ${SECONDS} s; medians`,
    ours: "JWT (ES256, cached verdict), rate limit, split 90/10, metrics and spec headers on; engine a stand-in",
  };
}

function summarise(
  samples: ReadonlyMap<Subject, readonly Sample[]>,
  p50: ReadonlyMap<Subject, number>,
): Row[] {
  const of = (name: Subject, pick: (sample: Sample) => number): number =>
    median((samples.get(name) ?? []).map(pick));
  const goRate = of("go", ({ perSecond }) => perSecond);
  const goCpu = of("go", ({ cpuUs }) => cpuUs);
  return SUBJECTS.map((name) => ({
    subject: name,
    requests_per_s: Math.round(of(name, ({ perSecond }) => perSecond)),
    core_utilisation: round(of(name, ({ utilisation }) => utilisation)),
    cpu_us_per_request: round(of(name, ({ cpuUs }) => cpuUs)),
    other_cores_busy: round(of(name, ({ othersCores }) => othersCores)),
    throughput_to_go: round(of(name, ({ perSecond }) => perSecond) / goRate),
    cpu_to_go: round(of(name, ({ cpuUs }) => cpuUs) / goCpu),
    p99_us: round(of(name, ({ p99Us }) => p99Us)),
    p50_us_1_connection: round(p50.get(name) ?? Number.NaN),
    added_p50_us: round((p50.get(name) ?? Number.NaN) - (p50.get("direct") ?? Number.NaN)),
  }));
}

function judge(rows: readonly Row[]) {
  const cell = (subject: Subject, column: string): number =>
    Number(rows.find((row) => row["subject"] === subject)?.[column]);
  const ratio = (column: string, other: Subject): number => cell("ours", column) / cell(other, column);
  return [
    atLeast("throughput to Go ReverseProxy", 1.3, ratio("requests_per_s", "go")),
    atLeast("throughput to nginx", 0.6, ratio("requests_per_s", "nginx")),
    atMost("CPU per request to Go ReverseProxy", 0.75, ratio("cpu_us_per_request", "go")),
    atMost(
      "added p50 at 1 connection beyond nginx's, us",
      100,
      cell("ours", "added_p50_us") - cell("nginx", "added_p50_us"),
    ),
  ];
}

async function run(signal: AbortSignal): Promise<SuiteResult> {
  requirePeers();
  const before = machine();
  const directory = mkdtempSync(join(tmpdir(), "hanzo-fn-bench-"));
  await using stack = new AsyncDisposableStack();
  stack.defer(() => rmSync(directory, { recursive: true, force: true }));
  const bench = await start(stack, directory, signal);
  const background_cores_before = await requireQuiet(signal);
  const samples = new Map<Subject, Sample[]>(SUBJECTS.map((name) => [name, []]));
  const singles = new Map<Subject, number[]>(SUBJECTS.map((name) => [name, []]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const name of SUBJECTS) {
      samples.get(name)?.push(await measure(bench, name, signal));
      singles.get(name)?.push(await singleP50(bench, name, signal));
    }
  }
  const background_cores_after = await requireQuiet(signal);
  const p50 = new Map([...singles].map(([name, values]) => [name, median(values)]));
  const rows = summarise(samples, p50);
  return {
    suite: "invoke",
    conditions: { ...conditions(before), background_cores_before, background_cores_after },
    rows,
    targets: judge(rows),
  };
}

export const invokeSuite: Suite = {
  name: "invoke",
  description: "the invoke proxy beside nginx, Go's ReverseProxy and node:http, each on one core",
  run,
};
