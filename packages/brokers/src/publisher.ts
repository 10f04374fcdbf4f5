/** One message for one broker. Which broker a subject belongs to is the caller's to know. */
export interface Message {
  /** NATS subject or Kafka topic. */
  readonly target: string;
  /** The key for duplicates: sent as `Nats-Msg-Id`, and as the header `id` to Kafka. */
  readonly id: string;
  /** Names and values are one line each. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  /** Kafka: messages of one key keep their order. NATS knows none. */
  readonly key?: string | undefined;
}

export interface Published {
  /** Where the broker keeps it: `<stream>:<sequence>`, or `<topic>/<partition>@<offset>`. */
  readonly place: string;
  /** The broker had a message of this id already and kept that one. NATS only, within the stream's window. */
  readonly duplicate: boolean;
}

/**
 * Sends messages to one broker. It connects at the first message and again whenever the connection is lost.
 *
 * Errors: `unavailable` where the broker does not answer in time, refuses our login or our right to publish, or lacks
 * what it should have (a stream); `storage_full`; `payload_too_large`; `bad_request` for a target that the broker does
 * not take. After a restart of the broker, or an `unavailable`, the broker may have a message twice: its `id` tells.
 */
export interface Publisher {
  /** Resolves once the broker has acknowledged that it keeps the message; rejects at the signal or the time limit. */
  publish(message: Message, signal: AbortSignal): Promise<Published>;
  /** Sends out what was accepted, within the time limit of a message, and hangs up. Idempotent. */
  close(): Promise<void>;
}
