import { PlatformError } from "@hanzo-fn/contract";
import { refused } from "./check-message.ts";

/** The errors of Kafka's protocol that end the producer's session: another one may send. */
const STALE_PRODUCER = new Set([
  "OUT_OF_ORDER_SEQUENCE_NUMBER",
  "UNKNOWN_PRODUCER_ID",
  "INVALID_PRODUCER_EPOCH",
  "PRODUCER_FENCED",
  "INVALID_PRODUCER_ID_MAPPING",
]);
const TOO_LARGE = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);
const NOT_ALLOWED = new Set(["TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"]);

/** An error with everything it was caused by and consists of. */
function* parts(error: unknown): Generator<Error & { readonly apiId?: unknown; readonly code?: unknown }> {
  if (!(error instanceof Error)) return;
  yield error;
  if (error instanceof AggregateError) for (const one of error.errors) yield* parts(one);
  yield* parts(error.cause);
}

function find(error: unknown, ids: ReadonlySet<string>): Error | undefined {
  for (const part of parts(error)) if (ids.has(String(part.apiId))) return part;
  return undefined;
}

export const isStaleProducer = (error: unknown): boolean => find(error, STALE_PRODUCER) !== undefined;

/** A final error, or one with a readable message where another attempt may help. */
export function explain(error: unknown, topic: string): unknown {
  const tooLarge = find(error, TOO_LARGE);
  if (tooLarge) return tooLargeFor(tooLarge, topic);
  if (find(error, new Set(["INVALID_TOPIC_EXCEPTION"]))) return refused(`${topic} is no topic`);
  const notAllowed = find(error, NOT_ALLOWED);
  if (notAllowed) return forbidden(notAllowed, topic);
  for (const part of parts(error)) {
    if (part.code === "PLT_KFK_AUTHENTICATION") return wrongCredentials(part);
    // The client turns the protocol's error into one of its own, without a code.
    if (part.message.startsWith("Unknown topic")) return unknownTopic(topic);
  }
  return new Error(deepest(error), { cause: error });
}

function tooLargeFor(error: Error, topic: string): PlatformError {
  return new PlatformError("payload_too_large", `the message is larger than ${topic} takes`, {
    component: "brokers",
    cause: error,
    next: "Send less, or raise the topic's max.message.bytes.",
  });
}

function unknownTopic(topic: string): PlatformError {
  return refused(
    `there is no Kafka topic ${topic}, and none is made by publishing to it`,
    `Create it, for example: kafka-topics.sh --create --topic ${topic}`,
  );
}

function forbidden(error: Error, topic: string): PlatformError {
  return new PlatformError("unavailable", `our Kafka user may not write to ${topic}`, {
    component: "brokers",
    cause: error,
    next: `Allow it to write to the topic ${topic} and to write idempotently.`,
  });
}

function wrongCredentials(error: Error): PlatformError {
  return new PlatformError("unavailable", `Kafka refuses our credentials: ${error.message}`, {
    component: "brokers",
    cause: error,
    next: "Check triggers.kafka.sasl (KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD).",
  });
}

/** The client says "failed 4 times"; what failed is at the bottom. */
function deepest(error: unknown): string {
  const all = [...parts(error)];
  return all.at(-1)?.message ?? String(error);
}
