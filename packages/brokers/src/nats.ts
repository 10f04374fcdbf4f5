import type { Clock } from "@hanzo-fn/lifecycle";
import { checkNatsMessage } from "./check-message.ts";
import { createInFlight } from "./in-flight.ts";
import { type Connected, createNatsLink, type NatsSettings } from "./nats-connection.ts";
import { explain } from "./nats-errors.ts";
import type { Message, Published, Publisher } from "./publisher.ts";
import { untilKept } from "./until-kept.ts";

export interface NatsPublisherSettings extends NatsSettings {
  /** The stream that is to keep the messages, for error messages; `HANZO_MQ` (HIP-55) where not given. */
  readonly stream?: string | undefined;
  /** How long a message may take in all, in milliseconds; 10 s where not given. */
  readonly timeoutMs?: number | undefined;
}

const TIMEOUT_MS = 10_000;
/** For one acknowledgement, since an answer may be lost with a server that keeps the connection. */
const ACK_MS = 3000;

/** Publishes to JetStream. The client is loaded and the connection made at the first message. */
export function createNatsPublisher(
  deps: { readonly clock: Clock },
  settings: NatsPublisherSettings,
): Publisher {
  const broker = `NATS at ${settings.servers.map((server) => new URL(server).host).join(", ")}`;
  const inFlight = createInFlight(broker);
  const nats = createNatsLink(settings);

  const where = (message: Message) => ({ stream: settings.stream ?? "HANZO_MQ", subject: message.target });
  const publish = (message: Message, signal: AbortSignal): Promise<Published> => {
    checkNatsMessage(message);
    const patience = {
      clock: deps.clock,
      limitMs: settings.timeoutMs ?? TIMEOUT_MS,
      signal,
      broker,
      next: "Check triggers.nats.url (NATS_URL) and that the server runs.",
    };
    return untilKept(patience, async () => {
      const link = await nats.connected();
      await link.whenUp();
      try {
        return await link.whileUp(() => send(link, message));
      } catch (error) {
        throw await explain(error, link, where(message));
      }
    });
  };
  return {
    publish: (message, signal) => inFlight.run(async () => publish(message, signal)),
    close: () => inFlight.close(() => nats.close()),
  };
}

async function send(link: Connected, message: Message): Promise<Published> {
  const { headers: createHeaders } = await import("@nats-io/transport-node");
  const headers = createHeaders();
  for (const [name, value] of Object.entries(message.headers)) headers.set(name, value);
  const ack = await link.jetstream.publish(message.target, message.body, {
    msgID: message.id,
    headers,
    timeout: ACK_MS,
  });
  return { place: `${ack.stream}:${ack.seq}`, duplicate: ack.duplicate };
}
