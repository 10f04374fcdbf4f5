import { type MqTrigger, TRIGGER_KINDS, ulid } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type MqBinding, type Store } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, type TestDatabase, waitFor } from "@hanzo-fn/testkit";
import type { Credit, Revocation, Settlement, SourceEvent } from "../delivery/source.ts";
import type { MqBroker, MqLag, MqSource } from "./broker.ts";
import { createMqTriggers, type MqTriggers, type TriggerToBind } from "./triggers.ts";

/** Longer than a machine that computes something else stands still: only a replica that died loses its events. */
const ACK_WAIT_MS = 30_000;
/** For tests that wait for the events of a replica that died. */
export const SHORT_ACK_WAIT_MS = 8000;
export const STREAM = "HANZO_MQ";

/** A broker of one test. */
export interface MqUnderTest extends AsyncDisposable {
  /** A process of its own, as far as the broker can tell. */
  connect(store: Store): MqBroker;
  /** A consumer that somebody else made. */
  addConsumer(name: string, subject: string): Promise<void>;
  /** Behind our back, as is everything that follows. */
  removeConsumer(name: string): Promise<void>;
  hasConsumer(name: string): Promise<boolean>;
  removeStream(): Promise<void>;
  /** As it was at the beginning, and empty. */
  addStream(): Promise<void>;
  /** Ends all connections at once, as a crash of the server does; it keeps what it has acknowledged. */
  crash(): Promise<void>;
}

export type StreamKind = "workqueue" | "limits";
export interface MqSurroundings {
  readonly store: Store;
  readonly database: TestDatabase;
  readonly kind: StreamKind;
  readonly ackWaitMs: number;
}
export type SetupMq = (around: MqSurroundings) => Promise<MqUnderTest>;

export const patient = new AbortController().signal;
export const LARGE: Credit = { events: 1000, bytes: 10_000_000, room: () => 1000 };

const OK = { status: 200, headers: [], notDelivered: undefined, body: Buffer.alloc(0), truncated: false };
export const ack = (event: SourceEvent): Settlement => ({ kind: "ack", event, answer: OK });
export const failed = (
  event: SourceEvent,
  more: { delayMs?: number; counted?: boolean } = {},
): Settlement => ({
  kind: "retry",
  event,
  delayMs: more.delayMs ?? 0,
  counted: more.counted ?? true,
  failure: { status: 500, error: "boom" },
});
export const returned = (event: SourceEvent, delayMs = 0): Settlement => ({
  kind: "retry",
  event,
  delayMs,
  counted: false,
  failure: undefined,
});
export const parked = (event: SourceEvent): Settlement => ({
  kind: "park",
  event,
  counted: true,
  failure: { error: "boom" },
});

export const textOf = ({ body }: SourceEvent): string => body.toString();

export function mqTrigger(fields: Record<string, unknown>): MqTrigger {
  const kind = TRIGGER_KINDS.mq;
  return kind.read(kind.schema().parse({ type: "mq", ...fields })) as MqTrigger;
}

/** What a replica does with the events of one trigger, by hand. */
export interface Hands {
  readonly source: MqSource;
  readonly revoked: readonly SourceEvent[];
  /** The next events, at least one. */
  pull(credit?: Partial<Credit>): Promise<readonly SourceEvent[]>;
  /** So many of them, in as many pulls as it takes. */
  take(count: number): Promise<readonly SourceEvent[]>;
  settle(...settlements: Settlement[]): Promise<void>;
}

export class MqBench implements AsyncDisposable {
  readonly store: Store;
  readonly under: MqUnderTest;
  readonly broker: MqBroker;
  readonly triggers: MqTriggers;
  readonly log = recordingLog();
  readonly #stack: AsyncDisposableStack;

  private constructor(store: Store, under: MqUnderTest, stack: AsyncDisposableStack) {
    this.store = store;
    this.under = under;
    this.#stack = stack;
    this.broker = this.connect();
    this.triggers = this.triggersOf(this.broker);
  }

  static async open(
    setup: SetupMq,
    kind: StreamKind = "workqueue",
    ackWaitMs = ACK_WAIT_MS,
  ): Promise<MqBench> {
    await using stack = new AsyncDisposableStack();
    const database = stack.use(await createTestDatabase());
    const store = stack.use(await openStore({ database, log: recordingLog(), clock: systemClock }));
    const under = stack.use(await setup({ store, database, kind, ackWaitMs }));
    return new MqBench(store, under, stack.move());
  }

  /** Another replica. */
  connect(): MqBroker {
    const broker = this.under.connect(this.store);
    this.#stack.defer(() => broker.close());
    return broker;
  }

  triggersOf(broker: MqBroker, severalOrgs = false): MqTriggers {
    const { store, log } = this;
    return createMqTriggers({
      store,
      broker,
      stream: STREAM,
      hasOthers: () => Promise.resolve(severalOrgs),
      log,
    });
  }

  /** A function with these triggers, deployed; their ids in the same order. */
  async deploy(fn: string, triggers: readonly TriggerToBind[]): Promise<readonly BoundTrigger[]> {
    const bindings = await this.triggers.bind("acme", fn, triggers, patient);
    const now = new Date();
    const ids = await this.store.withTransaction(async (tx) => {
      const manifest = { name: fn, triggers: [] };
      const scaling = { minInstances: 0, maxInstances: 1, targetConcurrency: 1, scaleDownDelayMs: 0 };
      const rest = { description: "", scaling, network: {}, trafficMode: "latest" as const };
      if (!(await tx.functions.get("acme", fn)))
        await tx.functions.insert({ org: "acme", name: fn, manifest, ...rest }, now);
      const wanted = triggers.map(({ key }) => ({ type: "mq", key, spec: {} }));
      return tx.triggers.replace("acme", fn, wanted, () => `trg_${ulid()}`, now);
    });
    return bindings.map((binding, i) => ({
      ...(triggers[i] as TriggerToBind),
      binding,
      id: ids[i]?.id ?? "",
    }));
  }

  /** One function with one trigger. */
  async bind(fields: Record<string, unknown> = {}, fn = "f"): Promise<BoundTrigger> {
    const [bound] = await this.deploy(fn, [wish(fields)]);
    return bound as BoundTrigger;
  }

  open(bound: BoundTrigger, triggers = this.triggers): Hands {
    const source = triggers.open(bound.binding, bound);
    this.#stack.defer(() => source.close());
    const revoked: SourceEvent[] = [];
    source.onRevoked(({ events }: Revocation) => void revoked.push(...events));
    const pull = (credit: Partial<Credit> = {}): Promise<readonly SourceEvent[]> =>
      source.pull({ ...LARGE, ...credit }, patient);
    return {
      source,
      revoked,
      pull,
      async take(count) {
        const events: SourceEvent[] = [];
        while (events.length < count) events.push(...(await pull({ events: count - events.length })));
        return events;
      },
      settle: (...settlements) => source.settle(settlements, patient),
    };
  }

  /** Another replica's hands. */
  openElsewhere(bound: BoundTrigger): Hands {
    return this.open(bound, this.triggersOf(this.connect()));
  }

  async publish(subject: string, ...texts: readonly string[]): Promise<void> {
    await Promise.all(texts.map((text) => this.publishRaw(subject, Buffer.from(text))));
  }

  async publishRaw(subject: string, body: Uint8Array, headers: Record<string, string> = {}, id = ulid()) {
    return this.broker.publisher.publish({ target: subject, id, headers, body }, patient);
  }

  lags(bound: readonly BoundTrigger[]): Promise<ReadonlyMap<string, MqLag>> {
    const served = bound.map(({ binding, id }) => ({ ...binding, id }));
    return this.triggers.lags(served, patient);
  }

  /** Rejects where it is not known. */
  async lag(bound: BoundTrigger): Promise<MqLag> {
    const lag = (await this.lags([bound])).get(bound.id);
    if (lag === undefined) throw new Error("the lag is not known");
    return lag;
  }

  /** Everything is done, as the broker sees it. */
  async quiet(bound: BoundTrigger): Promise<void> {
    await waitFor("everything to be done", async () => (await this.lag(bound)).items === 0);
  }

  async attemptsOf(bound: BoundTrigger, event: SourceEvent): Promise<number | undefined> {
    return (await this.store.eventAttempts.of(bound.id, [event.id])).get(event.id)?.attempts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export interface BoundTrigger extends TriggerToBind {
  readonly id: string;
  readonly binding: MqBinding;
}

export function wish(fields: Record<string, unknown> = {}): TriggerToBind {
  const trigger = mqTrigger({ source: "mq.orders.created", ...fields });
  return { key: `${trigger.source} ${trigger.consumerGroup ?? ""}`, trigger, maxConcurrency: 4 };
}
