import { type MqTrigger, PlatformError } from "@hanzo-fn/contract";
import type { MqBinding, MqBindingKey, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Lag } from "../manager/kind.ts";
import { readEach } from "../read-each.ts";
import type { ConsumerWish, MqLag, MqBroker, MqConsumer, MqSource } from "./broker.ts";
import { consumerNames } from "./names.ts";
import { registeredAttempts } from "./registry.ts";
import { subjectsOverlap } from "./subjects.ts";

export interface MqTriggersParts {
  readonly store: Pick<Store, "mqBindings">;
  readonly broker: MqBroker;
  /** Of the broker; a trigger's consumer is one of it. */
  readonly stream: string;
  /** Other organisations share this deployment. */
  readonly hasOthers: (org: string) => Promise<boolean>;
  readonly log: Pick<Logger, "info" | "warn">;
}

export interface TriggerToBind {
  /** As its record has it. */
  readonly key: string;
  readonly trigger: MqTrigger;
  /** Most calls at once, of the trigger or else of its function. */
  readonly maxConcurrency: number;
}

/** What a trigger is bound by, and its id. */
export interface BoundKey extends MqBindingKey {
  readonly id: string;
}

/** The consumers of mq triggers: who has which one, from the deploy that makes it to the removal of the trigger. */
export interface MqTriggers {
  /**
   * Makes or adopts the consumers of all mq triggers of a function, before they are recorded: what is published after
   * the deploy was answered is not missed. Of those that the function had and this list lacks, names and positions go
   * to triggers that want them. Errors: those of `MqBroker.ensure`, and `conflict` where another function has one.
   */
  bind(
    org: string,
    fn: string,
    triggers: readonly TriggerToBind[],
    signal: AbortSignal,
  ): Promise<readonly MqBinding[]>;
  /** Counted attempts where `retry.attempts` is not given. */
  attempts(binding: MqBinding): number;
  /** The same of a subject whose consumer was not adopted. */
  attemptsOf(subject: string): number;
  /** The events of a trigger, for one delivery. */
  open(binding: MqBinding, trigger: TriggerToBind & { readonly id: string }): MqSource;
  /** As `MqBroker.lags`, by trigger id; remembers the positions. */
  lags(served: readonly BoundKey[], signal: AbortSignal): Promise<ReadonlyMap<string, MqLag>>;
  /** The trigger is gone, and so are its deliveries everywhere. */
  release(binding: MqBinding, signal: AbortSignal): Promise<void>;
  /** Releases what deploys that failed, or processes that died, left behind. */
  releaseOrphans(signal: AbortSignal): Promise<number>;
}

/** Room for events that wait for their next attempt: they count as out (events.md 4.1). */
const MIN_ACK_PENDING = 256;
const ROOM_PER_CALL = 4;
/** A deploy is done long before. */
const ORPHAN_MS = 600_000;
const ORPHANS_AT_ONCE = 100;
const AT_ONCE = 16;

function maxAckPending({ trigger, maxConcurrency }: TriggerToBind): number {
  if (trigger.ordering === "strict") return 1;
  return Math.max(MIN_ACK_PENDING, ROOM_PER_CALL * maxConcurrency * trigger.batchSize);
}

function consumerOf({ adoptedAttempts, ...binding }: MqBinding): MqConsumer {
  const { stream, name, subject, created, position, streamCreated, incarnation } = binding;
  const attempts = adoptedAttempts === null ? {} : { adoptedAttempts };
  return { stream, name, subject, created, position, streamCreated, incarnation, ...attempts };
}

function bindingOf({ org, function: fn, key }: MqBindingKey, consumer: MqConsumer): MqBinding {
  return { org, function: fn, key, ...consumer, adoptedAttempts: consumer.adoptedAttempts ?? null };
}

const nameOf = ({ org, function: fn, key }: MqBindingKey): string => `${org}/${fn}/${key}`;

const describe = (org: string, fn: string): string => `mq trigger of ${org}/${fn} (hanzo-fn)`;

function taken(name: string, by: MqBinding, org: string): PlatformError {
  const whose = by.org === org ? `the function ${by.function}` : "another organisation's function";
  return new PlatformError("conflict", `the consumer ${name} belongs to ${whose}`, {
    component: "trigger-manager",
    next: "Give the trigger a consumer_group of its own.",
  });
}

/** As the gauges have it. */
export function inSeconds(lags: ReadonlyMap<string, MqLag>): Map<string, Lag> {
  return new Map([...lags].map(([id, { items, ms }]) => [id, { items, seconds: ms / 1000 }]));
}

export function createMqTriggers(parts: MqTriggersParts): MqTriggers {
  const { broker, stream, hasOthers, log } = parts;
  const { mqBindings } = parts.store;

  const release = async (binding: MqBinding, signal: AbortSignal): Promise<void> => {
    await broker.remove(consumerOf(binding), signal);
    await mqBindings.forget(binding);
  };

  /** Its own one, or the first name that is free, and whose place it takes. */
  const choose = async (
    org: string,
    fn: string,
    { key, trigger }: TriggerToBind,
    wanted: ReadonlySet<string>,
  ): Promise<{ readonly name: string; readonly known: MqBinding | undefined }> => {
    const own = await mqBindings.get({ org, function: fn, key });
    if (own !== undefined) return { name: own.name, known: own };
    const { source: subject, consumerGroup } = trigger;
    const severalOrgs = await hasOthers(org);
    const names = consumerNames({ org, function: fn, subject, consumerGroup, severalOrgs });
    let last: PlatformError | undefined;
    for (const name of names) {
      const other = await mqBindings.byConsumer(stream, name);
      if (other === undefined) return { name, known: undefined };
      const isOurs = other.org === org && other.function === fn;
      if (isOurs && !wanted.has(other.key)) return { name, known: other };
      last = taken(name, other, org);
    }
    throw last ?? new RangeError("a trigger has at least one name");
  };
  /** Of a work queue, where nothing that waits goes with a consumer: those of the function's own that it wants no more. */
  const makeRoom = async (
    org: string,
    fn: string,
    wish: ConsumerWish,
    wanted: ReadonlySet<string>,
    error: unknown,
    signal: AbortSignal,
  ): Promise<boolean> => {
    if (!(error instanceof PlatformError) || error.code !== "conflict") return false;
    const own = await mqBindings.of(org, fn);
    const inTheWay = own.filter(
      ({ key, name, subject, created }) =>
        created && !wanted.has(key) && name !== wish.name && subjectsOverlap(subject, wish.subject),
    );
    for (const binding of inTheWay) await release(binding, signal);
    return inTheWay.length > 0;
  };
  const bindOne = async (
    org: string,
    fn: string,
    trigger: TriggerToBind,
    wanted: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<MqBinding> => {
    const { name, known } = await choose(org, fn, trigger, wanted);
    const wish: ConsumerWish = {
      stream,
      name,
      subject: trigger.trigger.source,
      description: describe(org, fn),
      maxAckPending: maxAckPending(trigger),
      known: known === undefined ? undefined : consumerOf(known),
    };
    const consumer = await broker.ensure(wish, signal).catch(async (error: unknown) => {
      if (!(await makeRoom(org, fn, wish, wanted, error, signal))) throw error;
      return broker.ensure(wish, signal);
    });
    const binding = bindingOf({ org, function: fn, key: trigger.key }, consumer);
    if (known !== undefined && known.key !== trigger.key) await mqBindings.forget(known);
    if (await mqBindings.save(binding)) return binding;
    const other = await mqBindings.byConsumer(consumer.stream, name);
    throw taken(name, other ?? binding, org);
  };
  return {
    async bind(org, fn, triggers, signal) {
      const wanted = new Set(triggers.map(({ key }) => key));
      const bindings: MqBinding[] = [];
      // One after the other: the first that has no group of its own gets the function's name.
      for (const trigger of triggers) bindings.push(await bindOne(org, fn, trigger, wanted, signal));
      return bindings;
    },
    attempts: ({ adoptedAttempts, subject }) => adoptedAttempts ?? registeredAttempts(subject),
    attemptsOf: registeredAttempts,
    open(binding, trigger) {
      return broker.open(consumerOf(binding), {
        triggerId: trigger.id,
        maxAckPending: maxAckPending(trigger),
        ordered: trigger.trigger.ordering === "subject",
        description: describe(binding.org, binding.function),
        current: async () => consumerOf((await mqBindings.get(binding)) ?? binding),
        async onChanged(consumer) {
          await mqBindings.save(bindingOf(binding, consumer));
        },
      });
    },
    async lags(served, signal) {
      const found = await mqBindings.some(served);
      const bound = new Map(
        found.map((binding) => [nameOf(binding), { binding, consumer: consumerOf(binding) }]),
      );
      const lags = await broker.lags(
        [...bound.values()].map(({ consumer }) => consumer),
        signal,
      );
      const read = await readEach(served, AT_ONCE, async (key) => {
        const { binding, consumer } = bound.get(nameOf(key)) ?? {};
        const lag = consumer && lags.get(consumer);
        // Idle triggers are asked for as well, and have nothing to say.
        if (binding && lag && lag.position > binding.position)
          await mqBindings.advance(binding, lag.position);
        return lag;
      });
      return new Map([...read].map(([{ id }, lag]) => [id, lag]));
    },
    release,
    async releaseOrphans(signal) {
      const orphans = await mqBindings.orphans(ORPHAN_MS, ORPHANS_AT_ONCE);
      for (const binding of orphans) {
        signal.throwIfAborted();
        await release(binding, signal);
        log.info("a consumer without a trigger was released", {
          stream: binding.stream,
          consumer: binding.name,
        });
      }
      return orphans.length;
    },
  };
}
