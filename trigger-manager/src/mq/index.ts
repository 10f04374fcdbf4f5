export type { ConsumerWish, MqLag, MqBroker, MqConsumer, MqSource, OpenOptions } from "./broker.ts";
export {
  createEmbeddedMqBroker,
  EMBEDDED_STREAM,
  type EmbeddedBrokerParts,
  type EmbeddedBrokerSettings,
} from "./embedded/broker.ts";
export { createMqKind, type MqKindDependencies } from "./kind.ts";
export { createNatsBroker, type NatsBrokerParts, type NatsBrokerSettings } from "./nats/broker.ts";
export { createMqTriggers, type MqTriggers, type MqTriggersParts, type TriggerToBind } from "./triggers.ts";
