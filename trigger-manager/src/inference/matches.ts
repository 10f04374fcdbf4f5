import { type InferenceTrigger, type MqTrigger, triggerKey } from "@hanzo-fn/contract";
import type { MqBinding, NewMqStream, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Served } from "../manager/kind.ts";
import type { MqBroker, MqLag, MqSource } from "../mq/broker.ts";
import { type BoundKey, createMqTriggers, type TriggerToBind } from "../mq/triggers.ts";

/** An inference trigger, whether or not it is delivered here. */
export type Matched = Served<InferenceTrigger>;

export interface MatchesDependencies {
  readonly store: Pick<Store, "mqBindings">;
  /** Of `MATCH_STREAM`. */
  readonly broker: MqBroker;
  readonly log: Pick<Logger, "info" | "warn">;
}

/** The queues of matches: one subject and one consumer for each trigger. */
export interface Matches {
  /** The trigger's consumer, made where it is missing, and the stream with it. */
  bind(trigger: Matched, signal: AbortSignal): Promise<MqBinding>;
  open(trigger: Matched, signal: AbortSignal): Promise<MqSource>;
  /** By trigger id; one that has no consumer yet, or whose lag is not known, is left out. */
  lags(triggers: readonly Matched[], signal: AbortSignal): Promise<ReadonlyMap<string, MqLag>>;
  /** Its consumer goes, and with it all that waits for it. */
  remove(trigger: Matched, signal: AbortSignal): Promise<void>;
}

const DAY_MS = 86_400_000;

/**
 * Where matches wait for their functions. Apart from the queues of users: neither takes the other's room, and the
 * window for duplicates outlasts the restart of a platform that was killed.
 */
export const MATCH_STREAM: NewMqStream = {
  name: "HANZO_FN_INFERENCE",
  subjects: ["hanzo-fn.inference.>"],
  retention: "workqueue",
  maxAgeMs: 7 * DAY_MS,
  maxMessages: 1_000_000,
  maxBytes: 1024 ** 3,
  maxMessageBytes: 1024 * 1024,
  duplicateWindowMs: 600_000,
};

export const subjectOf = (triggerId: string): string => `hanzo-fn.inference.${triggerId}`;

/** For the room of a consumer, where the manifest names no `max_concurrency`. */
const USUAL_CONCURRENCY = 64;

function toBind({ id, function: fn, spec }: Matched): TriggerToBind {
  const { models: _, eventTypes: _e, minTokens: _m, filter: _f, ...delivery } = spec;
  const trigger: MqTrigger = {
    ...delivery,
    type: "mq",
    source: subjectOf(id),
    consumerGroup: `inference-${id}`,
    ordering: "none",
  };
  return {
    key: triggerKey(spec, fn),
    trigger,
    maxConcurrency: spec.maxConcurrency ?? USUAL_CONCURRENCY,
  };
}

export function createMatches({ store, broker, log }: MatchesDependencies): Matches {
  const { mqBindings } = store;
  // Consumers are named by their triggers' ids, so it does not matter who else is here.
  const hasOthers = (): Promise<boolean> => Promise.resolve(false);
  const triggers = createMqTriggers({ store, broker, stream: MATCH_STREAM.name, hasOthers, log });
  const keyOf = ({ id, org, function: fn, spec }: Matched): BoundKey => ({
    ...{ id, org, function: fn, key: triggerKey(spec, fn) },
  });
  const bindingOf = (trigger: Matched): Promise<MqBinding | undefined> => mqBindings.get(keyOf(trigger));
  const bind = async (trigger: Matched, signal: AbortSignal): Promise<MqBinding> => {
    const { org, function: fn } = trigger;
    const [binding] = await triggers.bind(org, fn, [toBind(trigger)], signal);
    return binding as MqBinding;
  };
  return {
    bind,
    async open(trigger, signal) {
      const binding = (await bindingOf(trigger)) ?? (await bind(trigger, signal));
      return triggers.open(binding, { ...toBind(trigger), id: trigger.id });
    },
    lags: (matched, signal) => triggers.lags(matched.map(keyOf), signal),
    async remove(trigger, signal) {
      const binding = await bindingOf(trigger);
      if (binding !== undefined) await triggers.release(binding, signal);
      await broker.purge(subjectOf(trigger.id), signal);
    },
  };
}
