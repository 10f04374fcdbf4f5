import { createKafkaPublisher, type Publisher } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import {
  createEmbeddedMqBroker,
  createMqKind,
  createMqTriggers,
  createNatsBroker,
  EMBEDDED_STREAM,
  type MqBroker,
} from "../src/mq/index.ts";
import {
  createEmbeddedPublisher,
  createEmbeddedStreamBroker,
  createKafkaBroker,
  createStreamKind,
  type StreamBroker,
} from "../src/stream/index.ts";
import type { LedgerLine, Position } from "./evidence.ts";
import type { ReplicaOrder } from "./order.ts";
import { GROUP_TIMING, LEASE_MS } from "./settings.ts";

/** As the ledger has it. */
type RevokedPartition = Pick<LedgerLine & { what: "revoked" }, "topic" | "partition" | "out" | "uncommitted">;

const hasOthers = (): Promise<boolean> => Promise.resolve(false);

export interface BrokerObserver {
  /** A partition was taken from this process. */
  revoked(partition: RevokedPartition): void;
  /** Where a broker had a trigger, as often as its lag is read. */
  position(position: Position): void;
}

export interface BrokerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The same broker, which tells where it has a trigger as often as its lag is read. */
function watchedMq(broker: MqBroker, told: BrokerObserver["position"]): MqBroker {
  return {
    ...broker,
    async lags(consumers, signal) {
      const lags = await broker.lags(consumers, signal);
      for (const [{ subject: target }, { position }] of lags) told({ target, next: position + 1 });
      return lags;
    },
  };
}

/** As `watchedMq`. */
function watchedStream(broker: StreamBroker, told: BrokerObserver["position"]): StreamBroker {
  return {
    ...broker,
    async lag(place, signal) {
      const lag = await broker.lag(place, signal);
      for (const { partition, position } of lag.partitions)
        told({ target: place.topic, partition, next: position });
      return lag;
    },
  };
}

/** The brokers of one process, the real ones at their addresses or the platform's own, and the triggers on them. */
export function openBrokers(
  parts: BrokerParts,
  addresses: ReplicaOrder["brokers"],
  observer: BrokerObserver,
) {
  const { store, clock, log } = parts;
  const options = { timing: GROUP_TIMING };
  const kafka = addresses && { brokers: [addresses.kafka] };
  const queues = addresses
    ? createNatsBroker(
        { eventAttempts: store.eventAttempts, clock, log },
        { servers: [addresses.nats], ackWaitMs: LEASE_MS, createStream: true },
      )
    : createEmbeddedMqBroker(parts, { ackWaitMs: LEASE_MS });
  const mq = watchedMq(queues, observer.position);
  const streams = kafka
    ? createKafkaBroker({ clock }, kafka, options)
    : createEmbeddedStreamBroker(parts, options);
  const stream = watchedStream(streams, observer.position);
  const topics: Publisher = kafka
    ? createKafkaPublisher({ clock }, kafka)
    : createEmbeddedPublisher({ log: store.streamLog });
  const triggers = createMqTriggers({
    ...{ store, broker: mq, log },
    stream: EMBEDDED_STREAM.name,
    hasOthers,
  });
  return {
    queues: mq.publisher,
    topics,
    mq: createMqKind({ triggers, broker: mq, store, clock, log }),
    stream: createStreamKind({
      ...{ broker: stream, publisher: topics, store, clock, log, hasOthers },
      groupPrefix: "fn-",
      seesAll: () => true,
      observer: ({ spec }) => ({
        // What was gone before it was read is missing in the ledger.
        lost() {},
        revoked: (partition, out, uncommitted) =>
          observer.revoked({ topic: spec.topic, partition, out, uncommitted }),
      }),
    }),
    close: async () => void (await Promise.allSettled([topics.close(), mq.close(), stream.close()])),
  };
}
