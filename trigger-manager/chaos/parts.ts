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
} from "../src/mq/index.ts";
import {
  createEmbeddedPublisher,
  createEmbeddedStreamBroker,
  createKafkaBroker,
  createStreamKind,
} from "../src/stream/index.ts";
import type { LedgerLine } from "./evidence.ts";
import type { ReplicaOrder } from "./order.ts";
import { GROUP_TIMING, LEASE_MS } from "./settings.ts";

/** As the ledger has it. */
type RevokedPartition = Pick<LedgerLine & { what: "revoked" }, "topic" | "partition" | "out" | "uncommitted">;

const hasOthers = (): Promise<boolean> => Promise.resolve(false);

export interface BrokerParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
}

/** The brokers of one process, the real ones at their addresses or the platform's own, and the triggers on them. */
export function openBrokers(
  parts: BrokerParts,
  addresses: ReplicaOrder["brokers"],
  onRevoked: (revoked: RevokedPartition) => void,
) {
  const { store, clock, log } = parts;
  const options = { timing: GROUP_TIMING };
  const kafka = addresses && { brokers: [addresses.kafka] };
  const mq = addresses
    ? createNatsBroker(
        { eventAttempts: store.eventAttempts, clock, log },
        { servers: [addresses.nats], ackWaitMs: LEASE_MS, createStream: true },
      )
    : createEmbeddedMqBroker(parts, { ackWaitMs: LEASE_MS });
  const stream = kafka
    ? createKafkaBroker({ clock }, kafka, options)
    : createEmbeddedStreamBroker(parts, options);
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
          onRevoked({ topic: spec.topic, partition, out, uncommitted }),
      }),
    }),
    close: async () => void (await Promise.allSettled([topics.close(), mq.close(), stream.close()])),
  };
}
