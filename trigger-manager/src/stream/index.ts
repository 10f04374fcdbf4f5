export type { EnsuredGroup, GroupRequest, PartitionLag, StreamBroker, StreamLag } from "./broker.ts";
export { createEmbeddedStreamBroker, type EmbeddedBrokerOptions } from "./embedded/embedded-broker.ts";
export { createEmbeddedPublisher } from "./embedded/embedded-publisher.ts";
export { type GroupOwner, streamGroup } from "./group-name.ts";
export { createKafkaBroker, type KafkaBrokerOptions } from "./kafka/kafka-broker.ts";
export { createStreamKind, type StreamKindDependencies } from "./kind.ts";
export {
  createStreamSource,
  type StreamObserver,
  type StreamSource,
  type StreamSourceDependencies,
  type StreamSourceSettings,
} from "./source.ts";
