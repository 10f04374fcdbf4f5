import { createKafkaPublisher, createNatsPublisher, type Publisher } from "@hanzo-fn/brokers";
import type { Config } from "@hanzo-fn/contract";
import type { Publishers } from "@hanzo-fn/gateway";
import type { Clock } from "@hanzo-fn/lifecycle";

const CLIENT = "hanzo-fn";

function openNats({ url, credentials }: Config["triggers"]["nats"], clock: Clock): Publisher | undefined {
  if (url === undefined) return undefined;
  const { user, password } = credentials;
  return createNatsPublisher(
    { clock },
    { servers: [url.reveal()], user, password: password?.reveal(), name: CLIENT },
  );
}

function openKafka({ brokers, tls, sasl }: Config["triggers"]["kafka"], clock: Clock): Publisher | undefined {
  if (brokers.length === 0) return undefined;
  const { username, password } = sasl;
  const login =
    username === undefined || password === undefined ? undefined : { username, password: password.reveal() };
  return createKafkaPublisher(
    { clock },
    { brokers, sasl: login, tls: tls ? {} : undefined, clientId: CLIENT },
  );
}

/** A publisher for each broker that is configured; each connects at its first message. */
export function openPublishers({ triggers }: Config, clock: Clock): Publishers {
  return { nats: openNats(triggers.nats, clock), kafka: openKafka(triggers.kafka, clock) };
}
