export { createKafkaPublisher, type KafkaPublisherSettings, type KafkaSettings } from "./kafka.ts";
export type { NatsSettings } from "./nats-connection.ts";
export { createNatsPublisher, type NatsPublisherSettings } from "./nats.ts";
export type { Message, Published, Publisher } from "./publisher.ts";
