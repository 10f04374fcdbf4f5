import type { Publisher } from "@hanzo-fn/brokers";
import type { InferenceTrigger } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { TriggerKind } from "../manager/kind.ts";
import { createOpenSources } from "../manager/open-sources.ts";
import { publishParked } from "../manager/publish-parked.ts";
import { redriveOnce } from "../manager/redrive.ts";
import type { MqBroker, MqSource } from "../mq/broker.ts";
import { parkedMessage, redrivenMessage } from "../mq/dead-letters.ts";
import { inSeconds } from "../mq/triggers.ts";
import type { StreamBroker } from "../stream/broker.ts";
import { createChanges } from "./changes.ts";
import { createHandOn } from "./hand-on.ts";
import { createMatchedSource } from "./matched-source.ts";
import { createMatches, subjectOf } from "./matches.ts";
import type { InferenceMetrics } from "./metrics.ts";
import { createPositions } from "./positions.ts";
import { openReading } from "./reading.ts";
import { createRoom } from "./room.ts";
import { createTee } from "./tee.ts";
import { createTriggerSet } from "./trigger-set.ts";

export interface InferenceKindDependencies {
  readonly store: Pick<
    Store,
    "deadLetters" | "mqBindings" | "onChange" | "settings" | "streamOffsets" | "triggers"
  >;
  /** Where the topic is. */
  readonly topics: StreamBroker;
  /** Of `MATCH_STREAM`, and of nothing else. */
  readonly matches: MqBroker;
  /** To the queues of users, for dead letters. */
  readonly publisher: Publisher;
  readonly metrics: InferenceMetrics;
  readonly clock: Clock;
  readonly log: Logger;
  /** An organisation that sees the events of all others. */
  readonly seesAll: (org: string) => boolean;
}

export interface InferenceKindSettings {
  /** `llm_usage` where not given (HIP-30). */
  readonly topic?: string | undefined;
  /** `triggers.kafka.group_prefix`. The group has a dot in its name, as no function has. */
  readonly groupPrefix: string;
  /** Matches that may wait for one trigger. Default 100,000. */
  readonly waitingLimit?: number | undefined;
}

const TOPIC = "llm_usage";
/** Where `retry.attempts` is not given (manifest, `retry`). */
const ATTEMPTS = 5;

/** Usage events of language models that pass a filter. Its service is the tee, which reads them for all triggers. */
export function createInferenceKind(
  deps: InferenceKindDependencies,
  settings: InferenceKindSettings,
): TriggerKind<InferenceTrigger> {
  const { store, topics, publisher, metrics, clock, log } = deps;
  const topic = settings.topic ?? TOPIC;
  const place = { group: `${settings.groupPrefix}inference.tee`, topic };
  const matches = createMatches({ store, broker: deps.matches, log });
  const positions = createPositions({ store, broker: topics, clock }, place);
  const set = createTriggerSet({ store, positions, seesAll: deps.seesAll });
  let blocked: string | undefined;
  const handOn = createHandOn({
    set,
    room: createRoom({ matches, clock, log }, { limit: settings.waitingLimit }),
    publisher: deps.matches.publisher,
    metrics,
    clock,
    log,
    blocked: (reason) => void (blocked = reason),
  });
  const parts = { broker: topics, positions, set, handOn, metrics, clock, log };
  const tee = createTee(
    {
      ...parts,
      changes: createChanges({ store, set, clock, log }),
      open: (signal) => openReading(parts, place, signal),
      refused: () => blocked,
    },
    place,
  );
  const sources = createOpenSources<MqSource>();

  return {
    type: "inference",
    service: tee,
    attempts: () => ATTEMPTS,
    async prepare(_org, _fn, _specs, signal) {
      const starts = await positions.now(signal);
      return async (tx, rows) => {
        for (const { id, type } of rows)
          if (type === "inference") await positions.pin(tx.streamOffsets, id, starts);
      };
    },
    async open(trigger, signal) {
      const { id } = trigger;
      const source = await matches.open(trigger, signal);
      sources.add(id, source);
      return createMatchedSource(source, topic, () => tee.blocked);
    },
    async close({ id }) {
      await sources.take(id)?.close();
    },
    remove: (trigger, signal) => matches.remove(trigger, signal),
    lag: async (served, signal) => inSeconds(await matches.lags(served, signal)),
    async publishParked({ function: fn, id: triggerId, spec }, letter, signal) {
      const message = parkedMessage(letter, { function: fn, triggerId, target: spec.deadLetter });
      if (message !== undefined) await publishParked({ publisher, log }, message, letter, signal);
    },
    redrive: ({ id }, letter) =>
      redriveOnce(store.deadLetters, letter, async () => {
        const { place: at } = await deps.matches.publisher.publish(
          { ...redrivenMessage(letter), target: subjectOf(id) },
          new AbortController().signal,
        );
        return `mq:${at}`;
      }),
  };
}
