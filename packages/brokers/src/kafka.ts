import type { Clock } from "@hanzo-fn/lifecycle";
import type { Producer } from "@platformatic/kafka";
import { checkKafkaMessage } from "./check-message.ts";
import { createInFlight } from "./in-flight.ts";
import { explain } from "./kafka-errors.ts";
import type { Message, Published, Publisher } from "./publisher.ts";
import { untilKept } from "./until-kept.ts";

export interface KafkaSettings {
  /** `host:port`. */
  readonly brokers: readonly string[];
  readonly sasl?:
    | {
        /** `PLAIN` where not given. */
        readonly mechanism?: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512" | undefined;
        readonly username: string;
        readonly password: string;
      }
    | undefined;
  /** PEM; `{}` for TLS with the machine's certificate authorities. */
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
      }
    | undefined;
  /** What this client is called in the broker's logs and quotas. */
  readonly clientId?: string | undefined;
}

export interface KafkaPublisherSettings extends KafkaSettings {
  /** How long a message may take in all, in milliseconds; 10 s where not given. */
  readonly timeoutMs?: number | undefined;
  /** How long it is remembered who leads a partition; the client's five minutes where not given. */
  readonly metadataMaxAgeMs?: number | undefined;
}

type Sender = Producer<Buffer, Buffer, Buffer, Buffer>;

const TIMEOUT_MS = 10_000;
const CONNECT_MS = 2000;
const REQUEST_MS = 5000;
/** The client's own tries, for a leader that moves; below two it loses the answer to an unknown topic. */
const RETRIES = { retries: 3, retryDelay: 100 };

/**
 * Publishes to Kafka: acknowledged by all replicas in sync, never to a topic that is not there; a message whose answer was
 * lost may be kept twice. The client is loaded and the connection made at the first message.
 */
export function createKafkaPublisher(
  deps: { readonly clock: Clock },
  settings: KafkaPublisherSettings,
): Publisher {
  const broker = `Kafka at ${settings.brokers.join(", ")}`;
  const inFlight = createInFlight(broker);
  let opening: Promise<Sender> | undefined;

  const attempt = async (message: Message): Promise<Published> => {
    opening ??= openProducer(settings);
    try {
      return await send(await opening, message);
    } catch (error) {
      throw explain(error, message.target);
    }
  };
  const publish = (message: Message, signal: AbortSignal): Promise<Published> => {
    checkKafkaMessage(message);
    const patience = {
      clock: deps.clock,
      limitMs: settings.timeoutMs ?? TIMEOUT_MS,
      signal,
      broker,
      next: "Check triggers.kafka.brokers (KAFKA_BROKERS), TLS and login, and that they run.",
    };
    return untilKept(patience, () => attempt(message));
  };
  return {
    publish: (message, signal) => inFlight.run(async () => publish(message, signal)),
    close: () =>
      inFlight.close(async () => {
        const open = opening;
        opening = undefined;
        await (await open)?.close().catch(() => {});
      }),
  };
}

/** How every client of these brokers is reached: for the clients of @platformatic/kafka. */
export function kafkaClientOptions(settings: KafkaSettings) {
  const { sasl, tls } = settings;
  return {
    clientId: settings.clientId ?? "hanzo-fn",
    bootstrapBrokers: [...settings.brokers],
    autocreateTopics: false,
    connectTimeout: CONNECT_MS,
    requestTimeout: REQUEST_MS,
    timeout: REQUEST_MS,
    ...RETRIES,
    ...(sasl ? { sasl: { ...sasl, mechanism: sasl.mechanism ?? ("PLAIN" as const) } } : {}),
    ...(tls ? { tls: definedOnly(tls) } : {}),
  };
}

/**
 * Not an idempotent producer: that of @platformatic/kafka 2.12.1 starts its sequences anew when one message fails, while
 * others are sent under its old id. The broker takes those for messages that it has, and acknowledges them: 12 of 2,398
 * were lost so, with failures and concurrent messages (the test of it is in `kafka.it.test.ts`).
 */
async function openProducer({ metadataMaxAgeMs, ...settings }: KafkaPublisherSettings): Promise<Sender> {
  const { Producer } = await import("@platformatic/kafka");
  const options = { ...kafkaClientOptions(settings), idempotent: false };
  return new Producer<Buffer, Buffer, Buffer, Buffer>(
    metadataMaxAgeMs === undefined ? options : { ...options, metadataMaxAge: metadataMaxAgeMs },
  );
}

function definedOnly(tls: NonNullable<KafkaSettings["tls"]>): Record<string, string> {
  const entries = Object.entries(tls).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

const ALL_IN_SYNC = -1;

async function send(producer: Sender, message: Message): Promise<Published> {
  const headers = Object.entries({ ...message.headers, id: message.id }).map(
    ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
  );
  const { offsets } = await producer.send({
    acks: ALL_IN_SYNC,
    messages: [
      {
        topic: message.target,
        value: Buffer.from(message.body.buffer, message.body.byteOffset, message.body.byteLength),
        headers: new Map(headers),
        ...(message.key === undefined ? {} : { key: Buffer.from(message.key) }),
      },
    ],
  });
  const at = offsets?.[0];
  if (!at) throw new Error("Kafka acknowledged without an offset");
  return { place: `${at.topic}/${at.partition}@${at.offset}`, duplicate: false };
}
