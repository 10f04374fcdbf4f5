import { type MqTrigger, PlatformError, triggerKey } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { MqBinding, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Served, TriggerKind } from "../manager/kind.ts";
import { createOpenSources } from "../manager/open-sources.ts";
import { publishParked } from "../manager/publish-parked.ts";
import { redriveOnce } from "../manager/redrive.ts";
import { createUpkeep } from "../upkeep.ts";
import type { MqBroker, MqSource } from "./broker.ts";
import { parkedMessage, redrivenMessage } from "./dead-letters.ts";
import { type BoundKey, inSeconds, type MqTriggers, type TriggerToBind } from "./triggers.ts";

export interface MqKindDependencies {
  readonly triggers: MqTriggers;
  readonly broker: MqBroker;
  readonly store: Pick<Store, "mqBindings" | "triggers" | "deadLetters">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

/** For the room of a consumer, where the manifest names no `max_concurrency`. */
const USUAL_CONCURRENCY = 64;

/** What a trigger wants of its consumer. */
function toBind(spec: MqTrigger, fn: string): TriggerToBind {
  return {
    key: triggerKey(spec, fn),
    trigger: spec,
    maxConcurrency: spec.maxConcurrency ?? USUAL_CONCURRENCY,
  };
}

const adoptedKey = (spec: MqTrigger): string => `${spec.source} ${spec.consumerGroup ?? ""}`;

/** Triggers on message queues, as the trigger manager serves them. */
export function createMqKind(deps: MqKindDependencies): TriggerKind<MqTrigger> {
  const { triggers, broker, store, log } = deps;
  const { mqBindings, deadLetters } = store;
  const sources = createOpenSources<MqSource>();
  /** What adopted consumers said of attempts; learned when a trigger is opened. */
  const adopted = new Map<string, number>();

  const learn = ({ spec }: Served<MqTrigger>, binding: MqBinding): void => {
    if (binding.adoptedAttempts !== null) adopted.set(adoptedKey(spec), triggers.attempts(binding));
  };
  const keyOf = ({ id, org, function: fn, spec }: Served<MqTrigger>): BoundKey => ({
    ...{ id, org, function: fn, key: toBind(spec, fn).key },
  });
  const bindingOf = (trigger: Served<MqTrigger>): Promise<MqBinding | undefined> =>
    mqBindings.get(keyOf(trigger));
  /** Of a trigger that was deployed while another broker was configured, for example. */
  const bindLate = async (trigger: Served<MqTrigger>, signal: AbortSignal): Promise<MqBinding> => {
    const { org, function: fn, spec } = trigger;
    const rows = await store.triggers.listOf(org, fn);
    const others = rows
      .filter(({ type, state }) => type === "mq" && state !== "deleting")
      .map(({ spec }) => toBind(spec as unknown as MqTrigger, fn));
    const wanted = toBind(spec, fn);
    const bindings = await triggers.bind(org, fn, others, signal);
    const own = bindings.find(({ key }) => key === wanted.key);
    if (own === undefined) throw new PlatformError("conflict", "the trigger is being deleted");
    return own;
  };

  return {
    type: "mq",
    service: createUpkeep(
      "mq",
      { sweep: () => broker.sweep(), orphans: (signal) => triggers.releaseOrphans(signal) },
      deps,
    ),
    attempts: (spec) => adopted.get(adoptedKey(spec)) ?? triggers.attemptsOf(spec.source),
    async prepare(org, fn, specs, signal) {
      const wanted = specs.map((spec) => toBind(spec, fn));
      await triggers.bind(org, fn, wanted, signal);
      // Bindings have rows of their own, which are released where no trigger follows.
      return () => Promise.resolve();
    },
    async open(trigger, signal) {
      const { id, spec } = trigger;
      const binding = (await bindingOf(trigger)) ?? (await bindLate(trigger, signal));
      learn(trigger, binding);
      const source = triggers.open(binding, { ...toBind(spec, trigger.function), id });
      sources.add(id, source);
      return source;
    },
    async close({ id }) {
      await sources.take(id)?.close();
    },
    async remove(trigger, signal) {
      const binding = await bindingOf(trigger);
      if (binding !== undefined) await triggers.release(binding, signal);
      adopted.delete(adoptedKey(trigger.spec));
    },
    lag: async (served, signal) => inSeconds(await triggers.lags(served.map(keyOf), signal)),
    async publishParked(trigger, letter, signal) {
      const { function: fn, id: triggerId, spec } = trigger;
      const message = parkedMessage(letter, { function: fn, triggerId, target: spec.deadLetter });
      if (message !== undefined)
        await publishParked({ publisher: broker.publisher, log }, message, letter, signal);
    },
    redrive: (_, letter) =>
      redriveOnce(deadLetters, letter, async () => {
        const { place } = await broker.publisher.publish(
          redrivenMessage(letter),
          new AbortController().signal,
        );
        return `mq:${place}`;
      }),
  };
}
