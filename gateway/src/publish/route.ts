import type { Publisher } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import { json, readJson, type Route } from "../call.ts";
import { refuse } from "../refuse.ts";
import { type Broker, MAX_MESSAGE_BYTES, parsePublication, wrap } from "./message.ts";

/** A publisher for each broker that is configured. */
export type Publishers = { readonly [broker in Broker]?: Publisher | undefined };

/** JSON may write one byte in six. */
const MAX_BODY_BYTES = 6 * MAX_MESSAGE_BYTES + 16_384;

const MISSING: Readonly<Record<Broker, { readonly message: string; readonly next: string }>> = {
  nats: { message: "no NATS server is configured", next: "set triggers.nats.url or NATS_URL" },
  kafka: { message: "no Kafka broker is configured", next: "set triggers.kafka.brokers or KAFKA_BROKERS" },
};

export function publishRoutes(publishers: Publishers, clock: Clock): readonly Route[] {
  return [
    {
      kind: "publish",
      method: "POST",
      path: "/v1/publish",
      async handle({ identity, request, signal }) {
        const publication = parsePublication(await readJson(request, MAX_BODY_BYTES));
        const { id, message } = wrap(publication, identity, clock.now());
        const publisher = publishers[publication.broker];
        if (publisher === undefined) {
          const { message: why, next } = MISSING[publication.broker];
          throw refuse("unavailable", `${why}, so nothing can be published to ${publication.subject}`, {
            next,
          });
        }
        await publisher.publish(message, signal);
        return json({ id });
      },
    },
  ];
}
