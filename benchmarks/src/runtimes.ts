import { execFileSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import { interpreterVersions } from "./interpreter.ts";
import { machine } from "./machine.ts";
import { folderOf, memoryAlone, moveTo } from "./runtimes/alone.ts";
import type { Language } from "./runtimes/functions.ts";
import type { Launch } from "./runtimes/instances.ts";
import { smokeLoad, wrkLoad } from "./runtimes/load.ts";
import { peers } from "./runtimes/peers.ts";
import { judge } from "./runtimes/targets.ts";
import {
  coldStarts,
  CONFIG,
  deployAll,
  deploys,
  FULL,
  idleMemory,
  SMOKE,
  type ServeScale,
} from "./runtimes/through-serve.ts";
import { overhead, throughput, type AloneScale } from "./runtimes/throughput.ts";
import { makeServeHome, startServe, type ServeHome } from "./serve-process.ts";
import { round, type Row, type Suite, type SuiteOptions, type SuiteResult } from "./suite.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");
const HELLO: AloneScale = { rounds: 5, seconds: 2, load: wrkLoad };
const OVERHEAD: AloneScale = { rounds: 11, seconds: 1, load: wrkLoad };
const ALONE_SMOKE: AloneScale = { rounds: 1, seconds: 0, load: smokeLoad };
const SERVER_AND_CLIENT_CORES = 2;

/** Compiled SDKs are kept between runs. */
async function withBuildCache(home: ServeHome): Promise<ServeHome> {
  const env = { ...home.env, HANZO_FN_BUILD_CACHE: join(REPOSITORY, ".cache", "builds") };
  return { path: home.path, env, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}

/**
 * `hanzo-fn` on a copy of Node that nothing else runs: pages of the program are shared between the platform and its
 * instances, as on a user's machine, and with nobody else.
 */
async function onItsOwnNode(home: ServeHome): Promise<readonly [string, ...string[]]> {
  const node = join(home.path, "node");
  await copyFile(process.execPath, node);
  return [node, "--max-semi-space-size=4", join(REPOSITORY, "cli", "src", "main.ts")];
}

interface ThroughServe {
  readonly rows: readonly Row[];
  readonly launches: ReadonlyMap<string, Launch>;
  readonly memory: ReadonlyMap<Language, number>;
}

async function throughServe(home: ServeHome, scale: ServeScale, signal: AbortSignal): Promise<ThroughServe> {
  await using platform = await startServe(home, CONFIG, signal, await onItsOwnNode(home));
  const launches = await deployAll(platform, home, scale);
  const rows = await deploys(platform, home, scale, signal);
  rows.push(...(await coldStarts(platform, scale, signal)));
  const memory = await idleMemory(platform, scale, signal);
  return { rows, launches, memory };
}

async function memoryRows(served: ThroughServe, signal: AbortSignal): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [language, inServe] of served.memory) {
    const launch = served.launches.get(`hello-${language}`) as Launch;
    rows.push({
      part: "memory of an idle instance",
      language,
      pss_alone_mb: round(await memoryAlone(launch, folderOf(launch), signal)),
      pss_in_serve_mb: round(inServe),
    });
  }
  return rows;
}

function versions(): Record<string, string> {
  const of = (command: string, ...args: string[]): string => {
    try {
      return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
    } catch {
      return "none";
    }
  };
  return { ...interpreterVersions(), go: of("go", "version"), rust: of("rustc", "--version") };
}

/** On a machine with other load every absolute figure is worse; ratios are of the same moments. */
async function run(signal: AbortSignal, options: SuiteOptions = {}): Promise<SuiteResult> {
  const smoke = options.smoke === true;
  const installed = peers();
  if (!smoke && installed.length < 6) throw new Error("peers are missing: npm run bench:setup");
  if (!smoke && cpus().length < SERVER_AND_CLIENT_CORES)
    throw new Error("two cores are needed: one for the server, one for the client");
  const before = { ...machine(), ...versions() };
  const hello = smoke ? ALONE_SMOKE : HELLO;
  const context = smoke ? ALONE_SMOKE : OVERHEAD;
  await using made = await makeServeHome();
  const home = await withBuildCache(made);
  const served = await throughServe(home, smoke ? SMOKE : FULL, signal);
  const launches = (kind: string): Launch[] =>
    [...served.launches].filter(([name]) => name.startsWith(kind)).map(([, launch]) => launch);
  const rows: Row[] = [];
  if (!smoke) moveTo("1");
  try {
    rows.push(...(await throughput(launches("hello"), installed, hello, signal)));
    rows.push(...(await overhead(launches("context"), installed, context, signal)));
  } finally {
    if (!smoke) moveTo(`0-${cpus().length - 1}`);
  }
  rows.push(...served.rows, ...(await memoryRows(served, signal)));
  const conditions = {
    ...before,
    setup:
      "functions as `hanzo-fn serve` built and started them; alone: the same programs by themselves, on core 0 over TCP, wrk on core 1",
    load: `${hello.load.name}; contestants in turn, medians of the rounds`,
    load_hello: `16 connections; ${hello.rounds} rounds of ${hello.seconds} s`,
    load_overhead: `1 connection, POST of a small JSON body; ${context.rounds} rounds of ${context.seconds} s`,
    log: "the server's output is a pipe that a Node process on core 1 reads and drops",
    deploy:
      "start of `hanzo-fn deploy` until the end of the first answer with the new constant; build cache warm",
    cold: "from before the connection to the end of the answer, over a new connection, of a function that the autoscaler has scaled to zero",
    memory:
      "PSS of smaps_rollup, 1 MB = 10^6 bytes, after 20 calls and 3 s without; alone: by a copy of the program that nothing else runs (Python: the system's, whose pages other processes share); below serve: pages shared with the platform's own Node and one warm worker",
  };
  return { suite: "runtimes", conditions, rows, targets: judge(rows) };
}

export const runtimesSuite: Suite = {
  name: "runtimes",
  description:
    "every language: throughput, overhead, deploy, cold start and memory, beside bare servers and frameworks",
  run,
};
