import { machineBusySeconds } from "../machine.ts";
import { median, round, type Row } from "../suite.ts";
import { startLaunch, startPeer, type AloneServer } from "./alone.ts";
import type { Language } from "./functions.ts";
import type { Launch } from "./instances.ts";
import type { Load } from "./load.ts";
import type { Peer } from "./peers.ts";

export interface AloneScale {
  readonly rounds: number;
  readonly seconds: number;
  readonly load: Load;
}

const CONNECTIONS = 16;

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
  /** Cores that the server under test has used, and those of everything else on the machine. */
  readonly own: number;
  readonly others: number;
}

interface Subject {
  readonly name: string;
  readonly language: Language;
  readonly server: AloneServer;
  readonly samples: Sample[];
}

async function sampleOf(
  { server }: Subject,
  { seconds, load }: AloneScale,
  signal: AbortSignal,
): Promise<Sample> {
  const cpu = server.process.cpuSeconds();
  const busy = machineBusySeconds();
  const began = performance.now();
  const result = await load.run(server.url, "hello", CONNECTIONS, seconds, signal);
  const took = (performance.now() - began) / 1000;
  const used = server.process.cpuSeconds() - cpu;
  return {
    perSecond: result.perSecond,
    cpuUs: (used / result.requests) * 1e6,
    own: used / took,
    others: (machineBusySeconds() - busy - used) / took,
  };
}

const medianOf = (samples: readonly Sample[], pick: (sample: Sample) => number): number =>
  median(samples.map(pick));

/** The servers of one language: ours first, so that each of a round is measured right after ours. */
function rowsOf(subjects: readonly Subject[]): Row[] {
  const [ours] = subjects;
  return subjects.map(({ name, language, samples }) => {
    // Round by round: what slows the machine down for a while slows down both.
    const ratios = (pick: (sample: Sample) => number): number =>
      median(samples.map((sample, i) => pick(ours?.samples[i] as Sample) / pick(sample)));
    return {
      part: "hello, the server alone on one core",
      language,
      server: name,
      requests_per_s: Math.round(medianOf(samples, ({ perSecond }) => perSecond)),
      cpu_us_per_request: round(medianOf(samples, ({ cpuUs }) => cpuUs)),
      core_utilisation: round(medianOf(samples, ({ own }) => own)),
      other_cores_busy: round(medianOf(samples, ({ others }) => others)),
      ours_to_it_requests: round(ratios(({ perSecond }) => perSecond)),
      ours_to_it_requests_per_cpu: round(1 / ratios(({ cpuUs }) => cpuUs)),
    };
  });
}

/** Requests per second of every server at `CONNECTIONS` connections, interleaved. */
export async function throughput(
  launches: readonly Launch[],
  peers: readonly Peer[],
  scale: AloneScale,
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const launch of launches) {
    const { language } = launch;
    await using stack = new AsyncDisposableStack();
    const ours = {
      name: "hanzo-fn",
      language,
      server: await startLaunch(stack, launch, signal),
      samples: [],
    };
    const subjects: Subject[] = [ours];
    for (const peer of peers) {
      if (peer.language !== language) continue;
      const server = await startPeer(stack, peer.command, peer.environment, signal);
      subjects.push({ name: peer.name, language, server, samples: [] });
    }
    for (const subject of subjects) await sampleOf(subject, scale, signal);
    for (let i = 0; i < scale.rounds; i++) {
      for (const subject of subjects) subject.samples.push(await sampleOf(subject, scale, signal));
    }
    rows.push(...rowsOf(subjects));
  }
  return rows;
}

/** Of one call at a time that uses the context: the median latency beyond that of a bare server, round by round. */
export async function overhead(
  launches: readonly Launch[],
  peers: readonly Peer[],
  scale: AloneScale,
  signal: AbortSignal,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const launch of launches) {
    const peer = peers.find(({ bare, language }) => bare && language === launch.language);
    if (peer === undefined) continue;
    await using stack = new AsyncDisposableStack();
    const ours = await startLaunch(stack, launch, signal);
    const bare = await startPeer(stack, peer.command, peer.environment, signal);
    const p50 = async ({ url }: AloneServer): Promise<number> =>
      (await scale.load.run(url, "context", 1, scale.seconds, signal)).p50Us;
    await p50(ours);
    await p50(bare);
    const samples: { readonly ours: number; readonly bare: number }[] = [];
    for (let i = 0; i < scale.rounds; i++) samples.push({ ours: await p50(ours), bare: await p50(bare) });
    rows.push({
      part: "overhead of the SDK: data, a header, a line of the log",
      language: launch.language,
      beside: peer.name,
      rounds: samples.length,
      p50_us: round(median(samples.map((each) => each.ours))),
      bare_p50_us: round(median(samples.map((each) => each.bare))),
      overhead_us: round(median(samples.map((each) => each.ours - each.bare))),
      overhead_least_us: round(Math.min(...samples.map((each) => each.ours - each.bare))),
      overhead_most_us: round(Math.max(...samples.map((each) => each.ours - each.bare))),
    });
  }
  return rows;
}
