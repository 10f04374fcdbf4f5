import { PlatformError } from "@hanzo-fn/contract";
import { refused } from "./check-message.ts";

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

/** The protocol's own names of what went wrong, for example `UNKNOWN_MEMBER_ID`. */
export function kafkaErrorIds(error: unknown): ReadonlySet<string> {
  const ids = [...parts(error)].map(({ apiId }) => apiId);
  return new Set(ids.filter((id) => typeof id === "string"));
}

const NOT_ALLOWED_TO_READ = new Set(["TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"]);
const NO_TOPIC = new Set(["UNKNOWN_TOPIC_OR_PARTITION", "UNKNOWN_TOPIC_ID"]);

/** What went wrong with a group or the topic that it reads, as an error for whoever has the trigger. */
export function explainGroup(
  error: unknown,
  place: { readonly group: string; readonly topic: string },
): PlatformError {
  if (error instanceof PlatformError) return error;
  const options = { component: "brokers", cause: error };
  for (const part of parts(error)) {
    if (part.code === "PLT_KFK_AUTHENTICATION") return wrongCredentials(part);
    if (part.message.startsWith("Unknown topic") || NO_TOPIC.has(String(part.apiId))) {
      const next = `Create it, for example: kafka-topics.sh --create --topic ${place.topic}`;
      return new PlatformError("not_found", `there is no Kafka topic ${place.topic}`, { ...options, next });
    }
  }
  if (find(error, NOT_ALLOWED_TO_READ)) {
    const next = `Allow it to read the topic ${place.topic} and the group ${place.group}.`;
    const message = `our Kafka user may not read ${place.topic} as the group ${place.group}`;
    return new PlatformError("unavailable", message, { ...options, next });
  }
  if (find(error, new Set(["INCONSISTENT_GROUP_PROTOCOL"]))) {
    const next = "Stop its other members, or give the trigger a consumer_group of its own.";
    const message = `the Kafka group ${place.group} has members that share its partitions in another way`;
    return new PlatformError("conflict", message, { ...options, next });
  }
  return new PlatformError(
    "unavailable",
    `Kafka did not answer for the group ${place.group}: ${deepest(error)}`,
    {
      ...options,
      next: "Check triggers.kafka.brokers (KAFKA_BROKERS), and that they run.",
    },
  );
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
    next: `Allow it to write to the topic ${topic}.`,
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
