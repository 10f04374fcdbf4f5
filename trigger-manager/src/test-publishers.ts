import type { Message, Publisher, Publishers } from "@hanzo-fn/brokers";

/** Publishers that keep what they are given. */
export function keepingPublishers(): {
  readonly messages: readonly Message[];
  readonly publishers: Publishers;
} {
  const messages: Message[] = [];
  const keep: Publisher = {
    publish(message) {
      messages.push(message);
      return Promise.resolve({ place: String(messages.length), duplicate: false });
    },
    close: () => Promise.resolve(),
  };
  return { messages, publishers: { nats: keep, kafka: keep } };
}
