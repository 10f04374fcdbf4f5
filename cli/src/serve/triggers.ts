import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { revisionRef } from "@hanzo-fn/engine";
import type { Invoker } from "@hanzo-fn/invoke-proxy";
import type { Registry } from "@hanzo-fn/telemetry";
import {
  type Budget,
  createCronKind,
  createInferenceKind,
  createInferenceMetrics,
  createMqKind,
  createMqTriggers,
  createStreamKind,
  createTriggerManager,
  createTriggerMetrics,
  type TriggerKind,
  type TriggerManager,
  type TriggerManagerDependencies,
  type TriggerMetrics,
} from "@hanzo-fn/trigger-manager";
import type { Brokers } from "./brokers.ts";
import type { ServedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";

export interface TriggerParts extends Pick<Parts, "alone" | "config" | "store" | "blobs" | "clock" | "log"> {
  readonly brokers: Brokers;
  readonly engine: Pick<ServedEngine, "deployer">;
  readonly invoker: Pick<Invoker, "invoke">;
  readonly registry: Registry;
  /** Shared by all that calls functions for events. */
  readonly budget: Budget;
}

/** Instances that can take a call, where the engine knows them. */
function readyInstances({ engine }: TriggerParts): TriggerManagerDependencies["ready"] {
  return (org, name, revisions) => {
    let ready = 0;
    for (const number of revisions) {
      const some = engine.deployer.ready(revisionRef(org, name, number));
      if (some === undefined) return undefined;
      ready += some;
    }
    return ready;
  };
}

/** Of HIP-30. */
const USAGE_TOPIC = "llm_usage";

function kindsOf(parts: TriggerParts, metrics: TriggerMetrics): TriggerKind[] {
  const { brokers, config, store, alone, clock, log, registry } = parts;
  const { nats, kafka, operatorOrgs } = config.triggers;
  // Of this process alone, also where it comes back under its old name.
  const owner = `${hostname()}/${process.pid}/${randomUUID()}`;
  const hasOthers = async (org: string): Promise<boolean> =>
    (await store.functions.organisations()).some((one) => one !== org);
  const seesAll = (org: string): boolean => operatorOrgs.includes(org);
  const queues = createMqTriggers({ store, broker: brokers.mq, stream: nats.stream, hasOthers, log });
  return [
    createCronKind({ store, clock, log, owner, alone, onLate: metrics.late }),
    createMqKind({ triggers: queues, broker: brokers.mq, store, clock, log }),
    createStreamKind({
      ...{ broker: brokers.stream, publisher: brokers.publishers.kafka, store, clock, log, hasOthers },
      groupPrefix: kafka.groupPrefix,
      seesAll,
      observer: (trigger) => ({
        lost: (_partition, records) => metrics.lost(trigger, records),
        revoked: (_partition, out, uncommitted) => metrics.suspected(trigger, out + uncommitted),
      }),
    }),
    createInferenceKind(
      {
        ...{ store, topics: brokers.stream, matches: brokers.matches, publisher: brokers.mq.publisher },
        ...{ metrics: createInferenceMetrics(registry, USAGE_TOPIC), clock, log, seesAll },
      },
      { topic: USAGE_TOPIC, groupPrefix: kafka.groupPrefix },
    ),
  ];
}

/** The event plane: every type of trigger that this build serves. */
export function createTriggers(parts: TriggerParts): TriggerManager {
  const { store, blobs, clock, log, invoker, budget } = parts;
  const metrics = createTriggerMetrics(parts.registry);
  return createTriggerManager({
    store,
    blobs,
    budget,
    publishers: parts.brokers.publishers,
    clock,
    log,
    kinds: kindsOf(parts, metrics),
    metrics,
    invoke: (request, identity, signal) => invoker.invoke(request, identity, signal),
    ready: readyInstances(parts),
  });
}
