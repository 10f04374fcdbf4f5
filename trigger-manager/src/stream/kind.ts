import type { Publisher } from "@hanzo-fn/brokers";
import { REDRIVE_OF, type StreamTrigger, triggerKey, ulid } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DeadLetter } from "../delivery/index.ts";
import type { Lag, Served, TriggerKind } from "../manager/kind.ts";
import { createOpenSources } from "../manager/open-sources.ts";
import { publishParked } from "../manager/publish-parked.ts";
import { type LetterToRedrive, redriveOnce } from "../manager/redrive.ts";
import { readEach } from "../read-each.ts";
import { createUpkeep } from "../upkeep.ts";
import type { StreamBroker } from "./broker.ts";
import { streamGroup } from "./group-name.ts";
import { ensureStreamGroup, type PreparedGroup, rememberGroup } from "./prepare.ts";
import { createStreamSource, type StreamObserver, type StreamSource } from "./source.ts";

export interface StreamKindDependencies {
  readonly broker: StreamBroker;
  /** To topics of the same broker. */
  readonly publisher: Publisher;
  readonly store: Pick<Store, "deadLetters" | "eventAttempts" | "streamOffsets" | "triggers">;
  readonly clock: Clock;
  readonly log: Logger;
  /** `triggers.kafka.group_prefix` */
  readonly groupPrefix: string;
  /** Other organisations share this deployment. */
  readonly hasOthers: (org: string) => Promise<boolean>;
  /** An organisation that sees the records of all others. */
  readonly seesAll: (org: string) => boolean;
  readonly observer: (trigger: Served<StreamTrigger>) => StreamObserver;
}

/** Where `retry.attempts` is not given (manifest, `retry`). */
const ATTEMPTS = 5;
const DEAD_LETTERS = "dead_letter";
const CLOSE_MS = 5000;
/** Lags that are asked for at once. */
const LAGS_AT_ONCE = 8;

type Trigger = Served<StreamTrigger>;

/** Topics of Kafka, or of the platform's own database. */
export function createStreamKind(deps: StreamKindDependencies): TriggerKind<StreamTrigger> {
  const { broker, publisher, store, clock, log } = deps;
  const sources = createOpenSources<StreamSource>();

  /** As it was named when it was first opened: a second organisation changes no group that is in use. */
  const placeOf = async ({
    id,
    org,
    function: fn,
    spec,
  }: Omit<Trigger, "id"> & { id: string | undefined }) => {
    const { topic } = spec;
    const kept = id === undefined ? undefined : await store.streamOffsets.groupOf(id);
    if (kept !== undefined) return { group: kept.group, topic };
    const owner = { org, function: fn, hasOthers: await deps.hasOthers(org) };
    return { group: streamGroup(spec, owner, deps.groupPrefix), topic };
  };
  /** Its group, as it is now. */
  const ensure = async (trigger: Omit<Trigger, "id"> & { id: string | undefined }, signal: AbortSignal) => {
    const place = await placeOf(trigger);
    const request = { ...place, triggerId: trigger.id, startOffset: trigger.spec.startOffset };
    return ensureStreamGroup({ broker, offsets: store.streamOffsets }, request, signal);
  };
  const lagOf = async (trigger: Trigger, signal: AbortSignal): Promise<Lag | undefined> => {
    try {
      const { items, seconds } = await broker.lag(await placeOf(trigger), signal);
      return { items, seconds };
    } catch (error) {
      log.debug("the lag of a trigger is not known", { error, trigger: trigger.id });
      return undefined;
    }
  };
  return {
    type: "stream",
    service: createUpkeep("stream", { sweep: (signal) => broker.sweep(signal) }, deps),
    attempts: () => ATTEMPTS,
    async prepare(org, fn, specs, signal) {
      const rows = await store.triggers.listOf(org, fn);
      const idsByKey = new Map(rows.filter(({ type }) => type === "stream").map(({ key, id }) => [key, id]));
      const prepared = new Map<string, PreparedGroup>();
      for (const spec of specs) {
        const key = triggerKey(spec, fn);
        prepared.set(key, await ensure({ id: idsByKey.get(key), org, function: fn, spec }, signal));
      }
      return async (tx, recorded) => {
        for (const { id, type, key } of recorded) {
          const group = type === "stream" ? prepared.get(key) : undefined;
          if (group !== undefined) await rememberGroup(tx.streamOffsets, id, group);
        }
      };
    },
    async open(trigger, signal) {
      const { id, org, spec } = trigger;
      const prepared = await ensure(trigger, signal);
      await rememberGroup(store.streamOffsets, id, prepared);
      const { group, topic } = prepared;
      const source = createStreamSource(
        {
          broker,
          attempts: store.eventAttempts,
          offsets: store.streamOffsets,
          clock,
          log: log.child({ org_id: org, function: trigger.function }),
          observer: deps.observer(trigger),
        },
        { group, topic, triggerId: id, batchSize: spec.batchSize, org: deps.seesAll(org) ? undefined : org },
      );
      await source.start(signal);
      sources.add(id, source);
      return source;
    },
    async close({ id }) {
      await sources.take(id)?.stop(CLOSE_MS);
    },
    async remove({ id }, signal) {
      const kept = await store.streamOffsets.groupOf(id);
      if (kept?.created === true) await broker.removeGroup(kept, signal);
    },
    async lag(triggers, signal) {
      const lags = await readEach(triggers, LAGS_AT_ONCE, (trigger) => lagOf(trigger, signal));
      return new Map([...lags].map(([{ id }, lag]) => [id, lag]));
    },
    publishParked: (trigger, letter, signal) =>
      publishParked({ publisher, log }, parkedMessage(trigger, letter), letter, signal),
    redrive: (trigger, letter) =>
      redriveOnce(store.deadLetters, letter, async () => {
        const message = redrivenMessage(trigger, letter, clock.now());
        const { place } = await publisher.publish(message, AbortSignal.timeout(REDRIVE_MS));
        return eventIdAt(broker.prefix, place);
      }),
  };
}

const REDRIVE_MS = 20_000;

/** HIP-30's `dead_letter`: keyed by the topic that the record came from. */
function parkedMessage({ spec, function: fn }: Trigger, letter: DeadLetter) {
  const { event, failure, attempts, reason } = letter;
  return {
    target: spec.deadLetter ?? DEAD_LETTERS,
    id: event.id,
    key: event.source,
    headers: {
      error: failure.error.replaceAll(/[\r\n\0]+/g, " ").slice(0, 1000),
      reason,
      attempts: `${attempts}`,
      function: fn,
      partition: event.partition,
    },
    body: event.body,
  };
}

/** To the topic itself, as a record of its own: whoever else reads the topic gets it, too. */
function redrivenMessage({ spec }: Trigger, letter: LetterToRedrive, nowMs: number) {
  return {
    target: spec.topic,
    id: `evt_${ulid(nowMs)}`,
    headers: { [REDRIVE_OF]: letter.id },
    body: letter.payload,
  };
}

/** `<topic>/<partition>@<offset>` of a publication as the id of the event that comes of it. */
function eventIdAt(prefix: string, place: string): string {
  return `${prefix}:${place.replace("/", ":").replace("@", ":")}`;
}
