import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import type { ServeProcess } from "../serve-process.ts";
import { median, round, type Row } from "../suite.ts";
import { type Answer, deploy, LANGUAGES, type Language, nameOf } from "./functions.ts";

const POLL_MS = 10;
/** Those before it are scaled down meanwhile. */
const PAUSE_MS = 1000;

async function untilAnswered(
  platform: ServeProcess,
  name: string,
  version: string,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const { status, body } = await platform.call(name);
    if (status !== 200) throw new Error(`${name} answered ${status}: ${body}`);
    if ((JSON.parse(body) as Answer).version === version) return;
    await sleep(POLL_MS, undefined, { signal });
  }
}

interface Sample {
  readonly total: number;
  readonly phases: Readonly<Record<string, number>>;
}

/** From the start of `hanzo-fn deploy` to the end of the first 200 of that code. */
async function one(
  platform: ServeProcess,
  home: string,
  [language, i, turn]: readonly [Language, number, number],
  signal: AbortSignal,
): Promise<Sample> {
  // No run before this one has built it.
  const version = `${turn}-${Date.now().toString(36)}`;
  const began = performance.now();
  const phases = await deploy(platform, home, [language, i, version]);
  await untilAnswered(platform, nameOf(language, i), version, signal);
  return { total: performance.now() - began, phases };
}

function row(part: string, language: Language, samples: readonly Sample[]): Row {
  const names = [...new Set(samples.flatMap(({ phases }) => Object.keys(phases)))];
  const phases = names.map((name): [string, number] => {
    const values = samples.map((sample) => sample.phases[name] ?? 0);
    return [`${name}_p50_ms`, round(median(values))];
  });
  const totals = samples.map(({ total }) => total);
  const figures = { p50_ms: round(median(totals)), max_ms: round(Math.max(...totals)) };
  return { part, language, samples: samples.length, ...figures, ...Object.fromEntries(phases) };
}

/** Each function is made, and then its constant changed `changes` times; languages in turn. */
export async function deployRows(
  platform: ServeProcess,
  home: string,
  { functions, changes }: { readonly functions: number; readonly changes: number },
  signal: AbortSignal,
): Promise<Row[]> {
  const first = new Map<Language, Sample[]>();
  const changed = new Map<Language, Sample[]>();
  for (let turn = 0; turn <= changes; turn++) {
    for (let i = 0; i < functions; i++) {
      for (const language of LANGUAGES) {
        const samples = turn === 0 ? first : changed;
        const sample = await one(platform, home, [language, i, turn], signal);
        samples.set(language, [...(samples.get(language) ?? []), sample]);
        await sleep(PAUSE_MS, undefined, { signal });
      }
    }
  }
  return [
    ...[...changed].map(([language, all]) => row(CHANGED, language, all)),
    ...[...first].map(([language, all]) => row("deploy of a new function", language, all)),
  ];
}

export const CHANGED = "deploy of a changed constant, until the first 200 with it";
