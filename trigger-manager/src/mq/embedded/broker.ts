import type { Clock } from "@hanzo-fn/lifecycle";
import type { MqSettlement, NewMqStream, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createGroupCommit } from "../../group-commit.ts";
import { createAttemptBook } from "../attempts.ts";
import type { MqBroker, MqConsumer, MqLag, OpenOptions } from "../broker.ts";
import { ensureConsumer, streamMissing } from "./ensure.ts";
import { createEmbeddedPublisher } from "./publisher.ts";
import { createEmbeddedSource } from "./source.ts";
import { createWaker } from "./waker.ts";

export interface EmbeddedBrokerParts {
  readonly store: Pick<Store, "mq" | "eventAttempts" | "withTransaction" | "onMqPublished">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

export interface EmbeddedBrokerSettings {
  /** The stream of triggers and publications; that of HIP-55 where not given. */
  readonly stream?: NewMqStream | undefined;
  /** How long the events of a replica that died are nobody's, in milliseconds. Default 30 s. */
  readonly ackWaitMs?: number | undefined;
}

/** What a crash costs (events.md 4.1). */
const ACK_WAIT_MS = 30_000;
const DAY_MS = 86_400_000;

/** The stream of HIP-55, of a size for one database. It takes no more where it is full: nothing accepted is dropped. */
export const EMBEDDED_STREAM: NewMqStream = {
  name: "HANZO_MQ",
  subjects: ["mq.>"],
  retention: "workqueue",
  maxAgeMs: 7 * DAY_MS,
  maxMessages: 1_000_000,
  maxBytes: 1024 ** 3,
  maxMessageBytes: 1024 * 1024,
  duplicateWindowMs: 120_000,
};

const SETTLED_AT_ONCE = 5000;
const SWEPT_AT_ONCE = 10_000;

/** Message queues on the platform's database, where no NATS is configured. */
export function createEmbeddedMqBroker(
  { store, clock, log }: EmbeddedBrokerParts,
  { stream = EMBEDDED_STREAM, ackWaitMs = ACK_WAIT_MS }: EmbeddedBrokerSettings = {},
): MqBroker {
  const closing = new AbortController();
  const waker = createWaker(store, clock, closing.signal);
  const publisher = createEmbeddedPublisher({ store, clock }, stream);
  const settle = createGroupCommit<MqSettlement, undefined>(
    async (settlements) => {
      await store.mq.settle(settlements);
      return settlements.map(() => undefined);
    },
    { items: SETTLED_AT_ONCE },
  );

  const idOf = async ({ stream: of, name }: MqConsumer): Promise<number | undefined> => {
    const row = await store.mq.consumer(of, name);
    if (row === undefined && (await store.mq.stream(of)) === undefined) throw streamMissing(of);
    return row?.id;
  };
  const restore = async (was: MqConsumer, open: OpenOptions, isLost: boolean) => {
    const found = isLost ? undefined : await idOf(was);
    if (found !== undefined) return { consumer: was, id: found, isNew: false };
    const known = await open.current();
    const { description, maxAckPending } = open;
    const { name, subject } = known;
    const wish = { stream: known.stream, name, subject, description, maxAckPending, known };
    const consumer = await ensureConsumer(store, wish, stream);
    await open.onChanged(consumer);
    log.warn("a consumer was gone and is made anew", { stream: consumer.stream, consumer: name });
    const id = await idOf(consumer);
    if (id === undefined) throw streamMissing(consumer.stream);
    return { consumer, id, isNew: true };
  };

  return {
    publisher,
    ensure: (wish) => ensureConsumer(store, wish, stream),
    open(consumer, open) {
      return createEmbeddedSource({
        mq: store.mq,
        waker,
        clock,
        attempts: createAttemptBook(store.eventAttempts, open.triggerId),
        consumer,
        leaseMs: ackWaitMs,
        ordered: open.ordered,
        settle: async (settlements) => void (await settle(settlements)),
        restore: (was, isLost) => restore(was, open, isLost),
      });
    },
    async lags(consumers) {
      const named = ({ stream, name }: Pick<MqConsumer, "stream" | "name">): string => `${stream} ${name}`;
      const backlogs = await store.mq.backlogs(consumers);
      const known = new Map(backlogs.map((backlog) => [named(backlog), backlog]));
      const now = clock.now();
      const lags = new Map<MqConsumer, MqLag>();
      for (const consumer of consumers) {
        const backlog = known.get(named(consumer));
        if (backlog === undefined) continue;
        const { items, oldestAt, position } = backlog;
        const ms = oldestAt === null ? 0 : Math.max(0, now - oldestAt.getTime());
        lags.set(consumer, { items, ms, position });
      }
      return lags;
    },
    async remove({ stream: from, name, created }) {
      if (created) await store.mq.removeConsumer(from, name);
    },
    purge: (subject) => store.mq.purge(stream.name, subject),
    async sweep() {
      for (const { messages, pending, ...swept } of await store.mq.sweep(SWEPT_AT_ONCE)) {
        if (swept.isFull) log.warn("a message queue is full", { stream: swept.stream });
        if (messages > 0)
          log.warn("messages went by the limits of their stream", {
            stream: swept.stream,
            messages,
            pending,
          });
      }
    },
    async close() {
      await publisher.close();
      closing.abort(new Error("the message queues are closed"));
    },
  };
}
