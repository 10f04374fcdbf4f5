import {
  createKafkaPublisher,
  type KafkaSettings,
  type NatsSettings,
  type Publisher,
  type Publishers,
} from "@hanzo-fn/brokers";
import type { Config } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";
import {
  createEmbeddedMqBroker,
  createEmbeddedPublisher,
  createEmbeddedStreamBroker,
  createKafkaBroker,
  createNatsBroker,
  MATCH_STREAM,
  type MqBroker,
  type StreamBroker,
} from "@hanzo-fn/trigger-manager";
import type { Parts } from "./parts.ts";

const CLIENT = "hanzo-fn";

type BrokerParts = Pick<Parts, "alone" | "config" | "store" | "clock" | "log">;

/** Where messages are kept: the brokers that are configured, else the platform's own database. */
export interface Brokers {
  readonly mq: MqBroker;
  /** Of what inference triggers want of the events of language models. */
  readonly matches: MqBroker;
  readonly stream: StreamBroker;
  readonly publishers: Publishers;
  /** Hangs up when it stops; to be started before all that publishes or reads. */
  readonly service: Service;
}

function natsSettings({ url, credentials }: Config["triggers"]["nats"]): NatsSettings | undefined {
  if (url === undefined) return undefined;
  const { user, password } = credentials;
  return { servers: [url.reveal()], user, password: password?.reveal(), name: CLIENT };
}

function kafkaSettings({ brokers, tls, sasl }: Config["triggers"]["kafka"]): KafkaSettings | undefined {
  if (brokers.length === 0) return undefined;
  const { username, password } = sasl;
  const login =
    username === undefined || password === undefined ? undefined : { username, password: password.reveal() };
  return { brokers, sasl: login, tls: tls ? {} : undefined, clientId: CLIENT };
}

function openMq({ config, store, clock, log }: BrokerParts): Pick<Brokers, "mq" | "matches"> {
  const { nats } = config.triggers;
  const settings = natsSettings(nats);
  if (settings === undefined) {
    const parts = { store, clock, log };
    return {
      mq: createEmbeddedMqBroker(parts),
      matches: createEmbeddedMqBroker(parts, { stream: MATCH_STREAM }),
    };
  }
  const { stream, createStream } = nats;
  const parts = { eventAttempts: store.eventAttempts, clock, log };
  return {
    mq: createNatsBroker(parts, { ...settings, stream, createStream }),
    matches: createNatsBroker(parts, { ...settings, ownStream: MATCH_STREAM }),
  };
}

function openStream({ config, store, clock, log }: BrokerParts): [broker: StreamBroker, to: Publisher] {
  const settings = kafkaSettings(config.triggers.kafka);
  if (settings !== undefined)
    return [createKafkaBroker({ clock }, settings), createKafkaPublisher({ clock }, settings)];
  return [
    createEmbeddedStreamBroker({ store, clock, log }),
    createEmbeddedPublisher({ log: store.streamLog }),
  ];
}

/** Each connects when it is first asked. */
export function openBrokers(parts: BrokerParts): Brokers {
  const { alone, store } = parts;
  const { mq, matches } = openMq(parts);
  const [stream, topics] = openStream(parts);
  return {
    mq,
    matches,
    stream,
    publishers: { nats: mq.publisher, kafka: topics },
    service: {
      name: "brokers",
      async start() {
        // Whoever had them, in the platform's own database, was killed.
        if (alone) await Promise.all([store.mq.endLeases(), store.streamGroups.endMembers()]);
      },
      async stop() {
        await topics.close();
        await Promise.all([mq.close(), matches.close(), stream.close()]);
      },
    },
  };
}
