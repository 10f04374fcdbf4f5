import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { type Credit, type Settlement, type SourceEvent } from "../delivery/index.ts";
import type { StreamBroker } from "../stream/broker.ts";
import type { AttemptStore } from "../stream/ledger.ts";
import { createStreamSource, type StreamSource } from "../stream/source.ts";
import type { HandOn } from "./hand-on.ts";
import type { InferenceMetrics } from "./metrics.ts";
import type { Positions, TopicPlace } from "./positions.ts";
import type { TriggerSet } from "./trigger-set.ts";

export interface ReadingDependencies {
  readonly broker: StreamBroker;
  readonly positions: Positions;
  readonly set: TriggerSet;
  readonly handOn: HandOn;
  readonly metrics: Pick<InferenceMetrics, "lost">;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One membership in the group that reads the topic, for as long as there is a trigger. */
export interface Reading {
  /** Resolves once nothing is to be read any more; rejects with the signal's reason. */
  run(signals: { readonly pulling: AbortSignal; readonly handing: AbortSignal }): Promise<void>;
  readonly blocked: string | undefined;
  stop(): Promise<void>;
}

/** What the source calls its reader, in the log. */
const NAME = "inference";
const RECORDS = 500;
const ALL: Credit = { events: 2 * RECORDS, bytes: 8 * 1024 * 1024, room: () => RECORDS };
const CLOSE_MS = 5000;
/** A record that was handed on has succeeded; one that fails stays in hand. So there is nothing to count. */
const NO_ATTEMPTS: AttemptStore = {
  startingWith: () => Promise.resolve(new Map()),
  add: () => Promise.resolve(),
  forget: () => Promise.resolve(),
};
const DONE = { status: 204, headers: [], notDelivered: undefined, body: Buffer.alloc(0), truncated: false };

const done = (event: SourceEvent): Settlement => ({ kind: "ack", event, answer: DONE });

/** Joins the group, which is made where it is missing. Throws `not_found` where there is no topic. */
export async function openReading(
  deps: ReadingDependencies,
  place: TopicPlace,
  signal: AbortSignal,
): Promise<Reading> {
  const { broker, positions, set, handOn, clock, log } = deps;
  const starts = await positions.ensureGroup(set.starts(), signal);
  const ours = new WeakSet<SourceEvent>();
  const source: StreamSource = createStreamSource(
    {
      broker,
      attempts: NO_ATTEMPTS,
      offsets: {
        of: () => Promise.resolve(starts.map((start) => ({ topic: place.topic, ...start }))),
        save: (_, offsets) => positions.keep(offsets),
      },
      clock,
      log,
      observer: {
        lost: (_, records) => deps.metrics.lost(records),
        // The log may begin anew.
        revoked: () => set.doubt(),
      },
    },
    { ...place, triggerId: NAME, batchSize: RECORDS, org: undefined },
  );
  source.onRevoked(({ events }) => {
    for (const event of events) ours.delete(event);
  });
  const isOurs = (event: SourceEvent): boolean => ours.has(event);
  await source.start(signal);
  return {
    async run({ pulling, handing }) {
      while (set.size > 0) {
        const records = await source.pull(ALL, pulling);
        for (const record of records) ours.add(record);
        await set.refresh(handing);
        await handOn(records, isOurs, handing);
        await source.settle(records.map(done), handing);
      }
    },
    get blocked() {
      return source.blocked;
    },
    stop: () => source.stop(CLOSE_MS),
  };
}
