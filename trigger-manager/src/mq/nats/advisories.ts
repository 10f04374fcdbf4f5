import type { NatsLink } from "@hanzo-fn/brokers";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Subscription } from "@nats-io/transport-node";
import { PARKED } from "./settle.ts";

const KINDS = ["MAX_DELIVERIES", "MSG_TERMINATED"] as const;

interface Advisory {
  readonly stream?: string;
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
 * else depends on them, since the server sends each once, to whoever listens at the moment.
 */
export function createAdvisories(link: NatsLink, log: Pick<Logger, "warn">) {
  const subscriptions = new Map<string, Subscription[]>();
  return {
    async watch(stream: string, consumer: string): Promise<void> {
      const key = `${stream}.${consumer}`;
      if (subscriptions.has(key)) return;
      subscriptions.set(key, []);
      const { connection } = await link.connected();
      const made = KINDS.map((kind) =>
        connection.subscribe(`$JS.EVENT.ADVISORY.CONSUMER.${kind}.${key}`, {
          // Where our user may not listen there are no alarms.
          callback: (error, message) => {
            if (error) return;
            const { reason, deliveries, stream_seq: sequence } = read(() => message.json());
            if (kind === "MSG_TERMINATED" && reason === PARKED) return;
            const fields = { stream, consumer, sequence, deliveries, reason };
            log.warn("the message queue gave up an event that was not parked", fields);
          },
        }),
      );
      if (subscriptions.has(key)) subscriptions.set(key, made);
      else for (const subscription of made) subscription.unsubscribe();
    },
    unwatch(stream: string, consumer: string): void {
      const key = `${stream}.${consumer}`;
      for (const subscription of subscriptions.get(key) ?? []) subscription.unsubscribe();
      subscriptions.delete(key);
    },
  };
}
