import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { deploy } from "./deploy.ts";
import { drain, WATCH_ENDS } from "./drain.ts";
import type { TriggerKind } from "../src/manager/index.ts";
import type { FaultRecord, LagReading } from "./evidence.ts";
import { inject } from "./inject.ts";
import { type Evidence, judge, type SourceReport } from "./invariants.ts";
import { createLagWatch } from "./lag-watch.ts";
import type { ReplicaOrder } from "./order.ts";
import { openBrokers } from "./parts.ts";
import { type BrokerChoice, type FaultKind, kindsFor, planFaults, type PlannedFault } from "./plan.ts";
import { randomFrom } from "./random.ts";
import { watchDatabase } from "./stalls.ts";
import { createReplicas } from "./replicas.ts";
import { GRACE_MS, LEASE_MS } from "./settings.ts";
import { startSurroundings } from "./surroundings.ts";
import { runWorkload } from "./workload.ts";

/** Until every lag is told, and is 0, once everything accepted has come to its end. */
const REST_MS = 60_000;

export interface RunOptions {
  readonly seed: number;
  /** How long events come in and faults happen; starting and draining are not part of it. */
  readonly forMs: number;
  readonly broker: BrokerChoice;
  readonly replicas: number;
  readonly faults: readonly FaultKind[];
  /** Of each source. */
  readonly perSecond: number;
  /** From the end of a fault to the next one, on average. */
  readonly gapMs: number;
  /** How long everything accepted may take to come to its end, once there are no faults any more. */
  readonly drainMs: number;
  /** A folder where the ledger and the replicas' logs stay. */
  readonly keep?: string | undefined;
  /** Ends the run early, without a verdict. */
  readonly signal: AbortSignal;
  /** Told of what happens, as it does. */
  readonly say: (line: string) => void;
}

export interface RunResult {
  readonly sources: readonly SourceReport[];
  readonly evidence: Evidence;
  /** As in `Replicas`. */
  readonly surprises: readonly string[];
  readonly passed: boolean;
}

type Injecting = Parameters<typeof inject>[1];

async function injectFaults(
  plan: Iterable<PlannedFault>,
  injector: Injecting,
  signal: AbortSignal,
  say: RunOptions["say"],
): Promise<FaultRecord[]> {
  const done: FaultRecord[] = [];
  for (const fault of plan) {
    await sleep(fault.afterMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const record = await inject(fault, injector);
    done.push(record);
    say(
      `  ${record.kind}${record.by === undefined ? "" : ` ${record.by}`} (${record.untilMs - record.fromMs} ms)`,
    );
  }
  return done;
}

/** One run from the first server to the verdict. Rejects where it could not be begun, or was ended early. */
export async function run(options: RunOptions): Promise<RunResult> {
  const { seed, replicas: count, say } = options;
  await using stack = new AsyncDisposableStack();
  // One more than there are replicas: the last one comes and goes.
  const surroundings = stack.use(await startSurroundings(options.broker, count + 1, options.keep));
  const { database, brokers: addresses, folder } = surroundings;
  const store = stack.use(
    await openStore({ database: { url: database.url }, log: silentLogger, clock: systemClock }),
  );
  const lags = createLagWatch();
  const brokers = openBrokers({ store, clock: systemClock, log: silentLogger }, addresses, {
    revoked() {},
    position: lags.position,
  });
  stack.defer(() => brokers.close());
  stack.use(lags);
  await database.query(WATCH_ENDS);
  const ending = new AbortController();
  const { schedules, triggers } = await deploy(store, brokers, ending.signal);
  lags.start([brokers.mq, brokers.stream] as unknown as readonly TriggerKind[], triggers);
  const ledger = join(folder, "ledger");
  const orderOf = (slot: number, by: string): ReplicaOrder => {
    const { database: url, brokers: own } = surroundings.ways[slot] ?? {};
    const files = { ledger, blobs: join(folder, "blobs"), log: join(folder, `replica-${by}.log`) };
    return { by, seed, database: url ?? "", brokers: own, ...files };
  };
  const replicas = stack.use(createReplicas(orderOf));
  const fromMs = Date.now();
  await Promise.all(Array.from({ length: count }, (_, slot) => replicas.start(slot)));
  const start: FaultRecord = { kind: "start", fromMs, untilMs: Date.now() };
  say(`${count} replicas are up`);

  const kinds = kindsFor(options.broker, options.faults);
  const plan = planFaults(randomFrom(seed, "faults"), { kinds, replicas: count, gapMs: options.gapMs });
  const parts = { queues: brokers.queues, topics: brokers.topics, store };
  const random = randomFrom(seed, "workload");
  const stalls = watchDatabase(store);
  const load = runWorkload({ ...parts, random }, options, ending.signal);
  const injector = { surroundings, replicas, extraSlot: count };
  const timer = setTimeout(() => ending.abort(), options.forMs);
  options.signal.addEventListener("abort", () => ending.abort(), { once: true });
  const faults = kinds.length === 0 ? [] : await injectFaults(plan, injector, ending.signal, say);
  const { accepted, published } = await load;
  clearTimeout(timer);
  const until = await store.cronSchedules.now();
  say("no more faults; what was accepted comes to its end");
  const records = { store, ledger, schedules, until };
  let readings: readonly LagReading[] = [];
  // The ledger is read after the last lag: what was done by then is in it.
  const rest = async (): Promise<void> => {
    await sleep(2 * LEASE_MS, undefined, { signal: options.signal });
    readings = await lags.finish(REST_MS, options.signal);
  };
  const patience = { withinMs: options.drainMs, rest, signal: options.signal };
  const seen = await drain(records, database.query, accepted, patience);
  const evidence: Evidence = {
    ...seen,
    published,
    readings,
    forMs: options.forMs,
    faults: [start, ...faults, ...seen.faults, ...(await stalls.stop())],
  };
  const sources = judge(evidence);
  await Promise.all(Array.from({ length: count }, (_, slot) => replicas.at(slot)?.leave(2 * GRACE_MS)));
  const { surprises } = replicas;
  return {
    ...{ sources, evidence, surprises },
    passed: surprises.length === 0 && sources.every(({ passed }) => passed),
  };
}
