export { checkKafkaMessage, checkNatsMessage } from "./check-message.ts";
export {
  createKafkaPublisher,
  kafkaClientOptions,
  type KafkaPublisherSettings,
  type KafkaSettings,
} from "./kafka.ts";
export { explainGroup, kafkaErrorIds } from "./kafka-errors.ts";
export {
  type Connected as NatsConnected,
  createNatsLink,
  type NatsLink,
  type NatsSettings,
  refusal as natsRefusal,
} from "./nats-connection.ts";
export { subjectMatches } from "./nats-subject.ts";
export { createNatsPublisher, type NatsPublisherSettings } from "./nats.ts";
export type { Message, Published, Publisher } from "./publisher.ts";
export {
  type Author,
  type Broker,
  MAX_MESSAGE_BYTES,
  messageKey,
  type Publication,
  publish,
  type Publishers,
} from "./publication.ts";
