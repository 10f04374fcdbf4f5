import { createNatsLink, createNatsPublisher, type NatsSettings } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { EventAttemptQueries, NewMqStream } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createAttemptBook } from "../attempts.ts";
import type { MqBroker, MqConsumer, OpenOptions } from "../broker.ts";
import { createAdvisories } from "./advisories.ts";
import { createAsk, isConsumerMissing, isStreamMissing } from "./ask.ts";
import { ensureConsumer, streamMissing } from "./ensure.ts";
import { readLags } from "./lag.ts";
import { createPulse } from "./pulse.ts";
import { createNatsSource } from "./source.ts";
import { HIP_55_STREAM, natsStream } from "./stream.ts";

export interface NatsBrokerSettings extends NatsSettings {
  /** The stream of triggers and publications; `HANZO_MQ` (HIP-55) where not given. */
  readonly stream?: string | undefined;
  /** Whether a stream that is missing is made when a trigger needs it. Default false: operators size streams. */
  readonly createStream?: boolean | undefined;
  /** The stream is the platform's own: it has this name, and is made whenever it is missing. */
  readonly ownStream?: NewMqStream | undefined;
  /** How long the events of a replica that died are nobody's, in milliseconds. Default 30 s. */
  readonly ackWaitMs?: number | undefined;
}

/** What a crash costs (events.md 4.1). */
const ACK_WAIT_MS = 30_000;
const PULSES_PER_WAIT = 6;

export interface NatsBrokerParts {
  readonly eventAttempts: EventAttemptQueries;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

/** Message queues of NATS JetStream. Connects at the first use; one connection for all consumers, one to publish. */
export function createNatsBroker(parts: NatsBrokerParts, settings: NatsBrokerSettings): MqBroker {
  const { clock, log } = parts;
  const { ownStream, createStream = ownStream !== undefined, ackWaitMs = ACK_WAIT_MS } = settings;
  const stream = ownStream?.name ?? settings.stream ?? HIP_55_STREAM.name;
  const newStream = ownStream === undefined ? { ...HIP_55_STREAM, name: stream } : natsStream(ownStream);
  const options = { stream, newStream: createStream ? newStream : undefined, ackWaitMs };
  const link = createNatsLink(settings);
  const ask = createAsk(link, clock);
  const pulse = createPulse(link, clock, ackWaitMs / PULSES_PER_WAIT);
  const advisories = createAdvisories(link, log);
  const publisher = createNatsPublisher({ clock }, { ...settings, stream });

  const restore = async (was: MqConsumer, open: OpenOptions, why: string, signal: AbortSignal) => {
    try {
      await ask(`look for the consumer ${was.name}`, signal, ({ manager }) =>
        manager.consumers.info(was.stream, was.name),
      );
      return { consumer: was };
    } catch (error) {
      if (isStreamMissing(error)) throw streamMissing(was.stream);
      if (!isConsumerMissing(error)) throw error;
    }
    const known = await open.current();
    const { name, subject } = known;
    const { description, maxAckPending } = open;
    const wish = { stream: known.stream, name, subject, description, maxAckPending, known };
    const consumer = await ensureConsumer(
      ask,
      wish,
      { ...options, newStream: ownStream && newStream },
      signal,
    );
    log.warn("a consumer was gone and is made anew", { stream: consumer.stream, consumer: name, why });
    await open.onChanged(consumer);
    const { state } = await ask(`look for the stream ${known.stream}`, signal, ({ manager }) =>
      manager.streams.info(known.stream),
    );
    return { consumer, lastSequence: state.last_seq };
  };
  const blockedBy = (error: unknown): string | undefined =>
    error instanceof PlatformError && error.code !== "database_unavailable" ? error.message : undefined;

  return {
    publisher,
    ensure: (wish, signal) => ensureConsumer(ask, wish, options, signal),
    open(consumer, open) {
      // Without alarms everything else works.
      advisories.watch(consumer.stream, consumer.name).catch(() => {});
      const source = createNatsSource({
        link,
        pulse,
        clock,
        attempts: createAttemptBook(parts.eventAttempts, open.triggerId),
        consumer,
        ackWaitMs,
        ordered: open.ordered,
        out: ({ stream: of, name }, signal) =>
          ask(`look for the consumer ${name}`, signal, async ({ manager }) => {
            const info = await manager.consumers.info(of, name);
            return info.num_ack_pending;
          }).catch((error: unknown) => {
            // Of one that is gone nothing is out; the first request makes it anew.
            if (isConsumerMissing(error) || isStreamMissing(error)) return 0;
            throw error;
          }),
        restore: (was, why, signal) => restore(was, open, why, signal),
        blockedBy,
      });
      const { close } = source;
      return Object.assign(source, {
        async close() {
          advisories.unwatch(consumer.stream, consumer.name);
          await close();
        },
      });
    },
    lags: (consumers, signal) => readLags(ask, () => clock.now(), consumers, signal),
    async remove({ stream: from, name, created }, signal) {
      if (!created) return;
      await ask(`remove the consumer ${name} of the stream ${from}`, signal, async ({ manager }) => {
        try {
          await manager.consumers.delete(from, name);
        } catch (error) {
          if (!isConsumerMissing(error) && !isStreamMissing(error)) throw error;
        }
      });
    },
    purge: (subject, signal) =>
      ask(`remove the messages of ${subject}`, signal, async ({ manager }) => {
        try {
          await manager.streams.purge(stream, { filter: subject });
        } catch (error) {
          if (!isStreamMissing(error)) throw error;
        }
      }),
    sweep: () => Promise.resolve(),
    async close() {
      await publisher.close();
      await link.close();
    },
  };
}
