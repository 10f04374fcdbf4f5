import type { NewMqStream } from "@hanzo-fn/store";
import type { StreamConfig } from "@nats-io/jetstream";

const NS_PER_SECOND = 1_000_000_000;

/** The one stream of HIP-55. */
export const HIP_55_STREAM = {
  name: "HANZO_MQ",
  subjects: ["mq.>"],
  retention: "workqueue",
  storage: "file",
  discard: "old",
  max_msgs: 10_000_000,
  max_bytes: 10 * 1024 ** 3,
  max_age: 24 * 3600 * NS_PER_SECOND,
  max_msg_size: 1024 * 1024,
  duplicate_window: 120 * NS_PER_SECOND,
} as const satisfies Partial<StreamConfig>;

const NS_PER_MS = 1_000_000;

/** A stream of the platform's own, as NATS says it. Where it is full it takes no more: nothing accepted is dropped. */
export function natsStream(stream: NewMqStream): Partial<StreamConfig> & { readonly name: string } {
  return {
    name: stream.name,
    subjects: stream.subjects,
    retention: stream.retention,
    storage: "file",
    discard: "new",
    max_msgs: stream.maxMessages,
    max_bytes: stream.maxBytes,
    max_age: stream.maxAgeMs * NS_PER_MS,
    max_msg_size: stream.maxMessageBytes,
    duplicate_window: stream.duplicateWindowMs * NS_PER_MS,
  };
}
