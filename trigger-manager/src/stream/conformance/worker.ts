import { systemClock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import {
  type CallResult,
  createBudget,
  createDelivery,
  type DeadLetter,
  type DeliverySettings,
  REPLICA_BUDGET,
} from "../../delivery/index.ts";
import type { StreamBroker } from "../broker.ts";
import { createStreamSource, type StreamSource, type StreamSourceSettings } from "../source.ts";

export interface Executed {
  /** Of the event. */
  readonly id: string;
  readonly partition: string;
  readonly attempt: number;
  readonly worker: string;
}

export interface WorkerOptions {
  readonly name?: string | undefined;
  readonly settings?: Partial<DeliverySettings> | undefined;
  readonly source?: Partial<StreamSourceSettings> | undefined;
  /** How a call of these events ends; 200 at once where not given. */
  readonly answer?: ((ids: readonly string[]) => number | Promise<number>) | undefined;
  readonly stopGraceMs?: number | undefined;
}

/** A replica's part of one trigger: source and delivery, over a function that writes down what it was called with. */
export interface Worker extends AsyncDisposable {
  readonly source: StreamSource;
  readonly letters: readonly DeadLetter[];
  readonly lost: ReadonlyMap<number, number>;
  /** Most events that could run twice, summed over the partitions that were taken away. */
  readonly atRisk: number;
  stop(graceMs?: number): Promise<void>;
}

const SETTINGS: DeliverySettings = {
  ordering: "partition",
  batchSize: 10,
  maxBatchWaitMs: 5,
  maxBatchBytes: 6_000_000,
  attempts: 3,
  backoff: { initialMs: 10, factor: 2, maxMs: 100 },
  on4xx: "retry",
  partialResponse: false,
  maxEventAgeMs: 3_600_000,
  maxConcurrency: 16,
  deadlineMs: 125_000,
};

function answered(status: number): CallResult {
  const nothing = { headers: [], notDelivered: undefined, body: Buffer.from(""), truncated: false };
  return { kind: "answered", answer: { status, ...nothing } };
}

export async function serve(
  parts: { readonly broker: StreamBroker; readonly store: Pick<Store, "eventAttempts" | "streamOffsets"> },
  place: { readonly triggerId: string; readonly group: string; readonly topic: string },
  /** Shared by the workers of a test. */
  executed: Executed[],
  options: WorkerOptions = {},
): Promise<Worker> {
  const settings = { ...SETTINGS, ...options.settings };
  const { name = "a" } = options;
  const letters: DeadLetter[] = [];
  const lost = new Map<number, number>();
  let atRisk = 0;
  const source = createStreamSource(
    {
      broker: parts.broker,
      attempts: parts.store.eventAttempts,
      offsets: parts.store.streamOffsets,
      clock: systemClock,
      log: silentLogger,
      observer: {
        lost: (partition, records) => void lost.set(partition, (lost.get(partition) ?? 0) + records),
        revoked(_, out, uncommitted) {
          atRisk += out + uncommitted;
        },
      },
    },
    { ...place, batchSize: settings.batchSize, org: undefined, ...options.source },
  );
  const delivery = createDelivery(
    place.triggerId,
    {
      source,
      async invoke(events) {
        const ids = events.map(({ event }) => event.id);
        for (const { event, attempt } of events)
          executed.push({ id: event.id, partition: event.partition, attempt, worker: name });
        return answered((await options.answer?.(ids)) ?? 200);
      },
      park: (letter) => Promise.resolve(void letters.push(letter)),
      budget: createBudget(REPLICA_BUDGET),
      clock: systemClock,
      log: silentLogger,
      ready: () => settings.maxConcurrency,
      observer: { call() {}, parked() {} },
      random: () => 0.5,
    },
    settings,
  );
  const { signal } = new AbortController();
  await source.start(signal);
  await delivery.start(signal);
  let stopping: Promise<void> | undefined;
  const stop = async (graceMs: number): Promise<void> => {
    await delivery.stop(graceMs);
    await source.stop(graceMs);
  };
  return {
    source,
    letters,
    lost,
    get atRisk() {
      return atRisk;
    },
    stop: (graceMs = 2000) => (stopping ??= stop(graceMs)),
    [Symbol.asyncDispose]: () => (stopping ??= stop(0)),
  };
}
