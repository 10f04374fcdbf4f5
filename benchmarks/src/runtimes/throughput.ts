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

interface CallCost {
  readonly cpuUs: number;
  readonly p50Us: number;
}

async function callCost(server: AloneServer, scale: AloneScale, signal: AbortSignal): Promise<CallCost> {
  const cpu = server.process.cpuSeconds();
  const result = await scale.load.run(server.url, "context", 1, scale.seconds, signal);
  return {
    cpuUs: ((server.process.cpuSeconds() - cpu) / result.requests) * 1e6,
    p50Us: result.p50Us,
  };
}

/**
 * Of one call at a time that uses the context: what it takes beyond a call of a bare server, round by round. CPU time
 * counts; the latency also holds how long others kept the server from running, which on a busy machine is most of it.
 */
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
    const servers = [
      await startLaunch(stack, launch, signal),
      await startPeer(stack, peer.command, peer.environment, signal),
    ] as const;
    for (const server of servers) await callCost(server, scale, signal);
    const rounds: { readonly ours: CallCost; readonly bare: CallCost }[] = [];
    for (let i = 0; i < scale.rounds; i++) {
      const ours = await callCost(servers[0], scale, signal);
      rounds.push({ ours, bare: await callCost(servers[1], scale, signal) });
    }
    rows.push(overheadRow(launch.language, peer.name, rounds));
  }
  return rows;
}

function overheadRow(
  language: Language,
  beside: string,
  rounds: readonly { readonly ours: CallCost; readonly bare: CallCost }[],
): Row {
  const beyond = rounds.map(({ ours, bare }) => ours.cpuUs - bare.cpuUs);
  return {
    part: "overhead of the SDK: data, a header, a line of the log",
    language,
    beside,
    rounds: rounds.length,
    cpu_us: round(median(rounds.map(({ ours }) => ours.cpuUs))),
    bare_cpu_us: round(median(rounds.map(({ bare }) => bare.cpuUs))),
    overhead_us: round(median(beyond)),
    overhead_most_us: round(Math.max(...beyond)),
    latency_p50_us: round(median(rounds.map(({ ours }) => ours.p50Us))),
    bare_latency_p50_us: round(median(rounds.map(({ bare }) => bare.p50Us))),
  };
}
