import type { NatsLink } from "@hanzo-fn/brokers";
import type { Logger } from "@hanzo-fn/telemetry";
import type { NatsConnection } from "@nats-io/transport-node";
import { PARKED } from "./settle.ts";

const KINDS = ["MAX_DELIVERIES", "MSG_TERMINATED"] as const;

interface Advisory {
  readonly consumer?: string;
  readonly stream_seq?: number;
  readonly deliveries?: number;
  readonly reason?: string;
}

function read(json: () => unknown): Advisory {
  try {
    return json() as Advisory;
  } catch {
    return {};
  }
}

/**
 * Alarms where the server gives up an event of ours: somebody changed the consumer, or ended the event by hand. Nothing
 * else depends on them, since the server sends each once, to whoever listens at the moment. Listens to whole streams:
 * the subscriptions of a thousand consumers take 3 MB.
 */
export function createAdvisories(link: NatsLink, log: Pick<Logger, "warn">) {
  const watched = new Set<string>();
  const heard = new Map<string, NatsConnection>();
  const keyOf = (stream: string, consumer: string): string => `${stream}.${consumer}`;
  const hear = (connection: NatsConnection, stream: string, kind: (typeof KINDS)[number]): void => {
    connection.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.${kind}.${stream}.*`, {
      // Where our user may not listen there are no alarms.
      callback: (error, message) => {
        if (error) return;
        const { consumer = "", reason, deliveries, stream_seq: sequence } = read(() => message.json());
        if (!watched.has(keyOf(stream, consumer))) return;
        if (kind === "MSG_TERMINATED" && reason === PARKED) return;
        const fields = { stream, consumer, sequence, deliveries, reason };
        log.warn("the message queue gave up an event that was not parked", fields);
      },
    });
  };
  return {
    async watch(stream: string, consumer: string): Promise<void> {
      watched.add(keyOf(stream, consumer));
      const { connection } = await link.connected();
      if (heard.get(stream) === connection) return;
      heard.set(stream, connection);
      for (const kind of KINDS) hear(connection, stream, kind);
    },
    unwatch: (stream: string, consumer: string): void => void watched.delete(keyOf(stream, consumer)),
  };
}
