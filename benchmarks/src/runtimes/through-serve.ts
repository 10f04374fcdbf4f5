import { setTimeout as sleep } from "node:timers/promises";
import type { ServeHome, ServeProcess } from "../serve-process.ts";
import { median, percentile, round, type Row } from "../suite.ts";
import { LANGUAGES, writeFunction, type Kind, type Language } from "./functions.ts";
import { instanceOf, takeLaunch, treePss, untilNoInstances, type Launch } from "./instances.ts";

export interface ServeScale {
  readonly languages: readonly Language[];
  readonly deploys: Readonly<Record<Language, number>>;
  /** Functions of each language that are called from zero, and how often each. */
  readonly functions: number;
  readonly rounds: number;
}

export const FULL: ServeScale = {
  languages: LANGUAGES,
  deploys: { typescript: 11, python: 11, go: 7, rust: 5 },
  functions: 3,
  rounds: 8,
};
/** Without what has to be compiled. */
export const SMOKE: ServeScale = {
  languages: ["typescript", "python"],
  deploys: { typescript: 1, python: 1, go: 0, rust: 0 },
  functions: 1,
  rounds: 1,
};

/** Longer than between the calls of one round, and as short as the platform takes it. */
export const CONFIG = "local:\n  warm_workers: 1\n  stable_window: 6s\n  scale_to_zero_grace: 0s\n";
const PAUSE_MS = 250;
const POLL_MS = 5;
const IDLE_MS = 3000;
const CALLS_BEFORE_IDLE = 20;

const probe = (language: Language, i: number): string => `probe-${language}-${i}`;
/** Each is a source of its own, and none that a run before this one has built. */
const versionOf = (language: Language, i: number): string => `${language}-${i}-${Date.now().toString(36)}`;

async function deploy(
  platform: ServeProcess,
  home: ServeHome,
  name: string,
  language: Language,
  kind: Kind,
  version: string,
): Promise<Readonly<Record<string, number>>> {
  const folder = await writeFunction(home.path, name, language, kind, version);
  const output = await platform.cli("deploy", "--source", folder, "-o", "json");
  const { revision } = JSON.parse(output) as {
    readonly revision: { readonly phases_ms: Record<string, number> };
  };
  return revision.phases_ms;
}

async function answered(platform: ServeProcess, name: string, version: string, signal: AbortSignal) {
  for (;;) {
    const answer = await platform.call(name);
    if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}: ${answer.body}`);
    if (answer.body.includes(`"${version}"`)) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** Deploys all that is measured later, and takes with it how instances of `hello` and `context` are started. */
export async function deployAll(
  platform: ServeProcess,
  home: ServeHome,
  scale: ServeScale,
): Promise<ReadonlyMap<string, Launch>> {
  const launches = new Map<string, Launch>();
  for (const language of scale.languages) {
    for (const kind of ["hello", "context"] as const) {
      const name = `${kind}-${language}`;
      await deploy(platform, home, name, language, kind, "1");
      const answer = await platform.call(`${name}?name=you`);
      if (answer.status !== 200) throw new Error(`${name} answered ${answer.status}: ${answer.body}`);
      const pid = await instanceOf(platform, name);
      launches.set(name, await takeLaunch(pid, language, `${home.path}/launches/${name}`));
    }
    for (let i = 0; i < scale.functions; i++) {
      const name = probe(language, i);
      await deploy(platform, home, name, language, "probe", versionOf(language, i));
      await platform.call(name);
    }
  }
  return launches;
}

/** A constant changes: from the start of `hanzo-fn deploy` to the end of the first answer with the new one. */
export async function deploys(
  platform: ServeProcess,
  home: ServeHome,
  scale: ServeScale,
  signal: AbortSignal,
): Promise<Row[]> {
  const samples = new Map<Language, { total: number; build: number; start: number }[]>();
  for (let i = 0; i < Math.max(...Object.values(scale.deploys)); i++) {
    for (const language of scale.languages) {
      if (i >= scale.deploys[language]) continue;
      const version = versionOf(language, 100 + i);
      const began = performance.now();
      const phases = await deploy(platform, home, probe(language, 0), language, "probe", version);
      await answered(platform, probe(language, 0), version, signal);
      const sample = {
        total: performance.now() - began,
        build: phases["build"] ?? 0,
        start: phases["start"] ?? 0,
      };
      samples.set(language, [...(samples.get(language) ?? []), sample]);
    }
  }
  return [...samples].map(([language, all]) => ({
    part: "deploy of a changed constant, until the first 200 with it",
    language,
    samples: all.length,
    p50_ms: round(median(all.map(({ total }) => total))),
    max_ms: round(Math.max(...all.map(({ total }) => total))),
    build_p50_ms: round(median(all.map(({ build }) => build))),
    start_p50_ms: round(median(all.map(({ start }) => start))),
  }));
}

interface ColdSample {
  readonly callerMs: number;
  readonly headerMs: number;
  readonly warmMs: number;
}

async function coldCall(platform: ServeProcess, name: string): Promise<ColdSample> {
  const cold = await platform.call(name);
  const warm = await platform.call(name);
  if (cold.status !== 200 || warm.status !== 200) {
    throw new Error(`${name} answered ${cold.status} and ${warm.status}: ${cold.body}${warm.body}`);
  }
  const headerMs = Number(cold.headers["x-function-cold-start-ms"]);
  if (!(headerMs >= 0)) throw new Error(`the first call of ${name} in a round was not a cold start`);
  return { callerMs: cold.ms, headerMs, warmMs: warm.ms };
}

/** Calls of functions that the autoscaler has scaled to zero; languages interleaved. */
export async function coldStarts(
  platform: ServeProcess,
  scale: ServeScale,
  signal: AbortSignal,
): Promise<Row[]> {
  const samples = new Map<Language, ColdSample[]>(scale.languages.map((language) => [language, []]));
  for (let turn = 0; turn < scale.rounds; turn++) {
    await untilNoInstances(platform, 60_000, signal);
    await sleep(1000, undefined, { signal });
    for (let i = 0; i < scale.functions; i++) {
      for (const language of scale.languages) {
        samples.get(language)?.push(await coldCall(platform, probe(language, i)));
        await sleep(PAUSE_MS, undefined, { signal });
      }
    }
  }
  return [...samples].map(([language, all]) => {
    const caller = all.map(({ callerMs }) => callerMs);
    const warm = median(all.map(({ warmMs }) => warmMs));
    return {
      part: "cold start",
      language,
      start: language === "go" || language === "rust" ? "from nothing" : "warm pool",
      samples: all.length,
      from_zero_p50_ms: round(percentile(caller, 0.5)),
      from_zero_p95_ms: round(percentile(caller, 0.95)),
      warm_call_p50_ms: round(warm),
      beyond_warm_p50_ms: round(percentile(caller, 0.5) - warm),
      header_p50_ms: percentile(
        all.map(({ headerMs }) => headerMs),
        0.5,
      ),
    };
  });
}

/** Megabytes of one instance of each language after a few calls and `IDLE_MS` without. */
export async function idleMemory(
  platform: ServeProcess,
  scale: ServeScale,
  signal: AbortSignal,
): Promise<ReadonlyMap<Language, number>> {
  await untilNoInstances(platform, 60_000, signal);
  const found = new Map<Language, number>();
  for (const language of scale.languages) {
    for (let i = 0; i < CALLS_BEFORE_IDLE; i++) await platform.call(probe(language, 0));
    await sleep(IDLE_MS, undefined, { signal });
    found.set(language, treePss(await instanceOf(platform, probe(language, 0))) / 1e6);
  }
  return found;
}
