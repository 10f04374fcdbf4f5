import { execFileSync } from "node:child_process";
import { copyFile, mkdir } from "node:fs/promises";
import { cpus } from "node:os";
import { delimiter, join } from "node:path";
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
const ALONE: AloneScale = { rounds: 7, seconds: 2, load: wrkLoad };
const ALONE_SMOKE: AloneScale = { rounds: 1, seconds: 0, load: smokeLoad };
const SERVER_AND_CLIENT_CORES = 2;

/**
 * A home whose platform runs on a copy of Node that nothing else runs: pages of the program are shared between the
 * platform and its instances, as on a user's machine, and with nobody else. Compiled SDKs are kept between runs.
 */
async function ownNode(home: ServeHome): Promise<ServeHome> {
  const bin = join(home.path, "bin");
  await mkdir(bin);
  await copyFile(process.execPath, join(bin, "node"));
  const env = {
    ...home.env,
    PATH: [bin, home.env["PATH"]].join(delimiter),
    HANZO_FN_BUILD_CACHE: join(REPOSITORY, ".cache", "builds"),
  };
  return { path: home.path, env, [Symbol.asyncDispose]: () => home[Symbol.asyncDispose]() };
}

interface ThroughServe {
  readonly rows: readonly Row[];
  readonly launches: ReadonlyMap<string, Launch>;
  readonly memory: ReadonlyMap<Language, number>;
}

async function throughServe(home: ServeHome, scale: ServeScale, signal: AbortSignal): Promise<ThroughServe> {
  await using platform = await startServe(home, CONFIG, signal);
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
  const scale = smoke ? ALONE_SMOKE : ALONE;
  await using made = await makeServeHome();
  const home = await ownNode(made);
  const served = await throughServe(home, smoke ? SMOKE : FULL, signal);
  const launches = (kind: string): Launch[] =>
    [...served.launches].filter(([name]) => name.startsWith(kind)).map(([, launch]) => launch);
  const rows: Row[] = [];
  if (!smoke) moveTo("1");
  try {
    rows.push(...(await throughput(launches("hello"), installed, scale, signal)));
    rows.push(...(await overhead(launches("context"), installed, scale, signal)));
  } finally {
    if (!smoke) moveTo(`0-${cpus().length - 1}`);
  }
  rows.push(...served.rows, ...(await memoryRows(served, signal)));
  const conditions = {
    ...before,
    setup:
      "functions as `hanzo-fn serve` built and started them; alone: the same programs by themselves, on core 0 over TCP, wrk on core 1",
    load: `${scale.load.name}; hello: 16 connections; overhead: 1 connection, POST of a small JSON body; ${scale.rounds} rounds of ${scale.seconds} s, contestants in turn, medians of the rounds`,
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
