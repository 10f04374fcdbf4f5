import { createHash } from "node:crypto";
import { type Origin, originHeaders, PlatformError, ulid } from "@hanzo-fn/contract";
import { refused } from "./check-message.ts";
import type { Message, Publisher } from "./publisher.ts";

export type Broker = "nats" | "kafka";

/** Who keeps the messages of each broker: it, or what stands in its place. */
export type Publishers = Readonly<Record<Broker, Publisher>>;

/** What somebody wants published, in JSON. */
export interface Publication {
  /** MQ subject or topic. */
  readonly subject: string;
  /** Anything that JSON can say. */
  readonly data: unknown;
  /** The caller's, where it gave one: a message that its author published before under this id is not kept again. */
  readonly id?: string | undefined;
}

/** Who publishes. */
export interface Author {
  readonly org: string;
  /** In the envelope: `fn/<function>`, or `api`. */
  readonly source: string;
  /** For what: a call, or a request to the API. */
  readonly origin?: Origin | undefined;
}

/** With its envelope: what a HIP-55 stream takes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_SUBJECT = 249;
const MQ = /^mq(?:\.[a-z0-9_-]+)+$/;
const TOPIC = /^(?!mq$)[a-z0-9]+(?:_[a-z0-9]+)*$/;
const PRINTABLE = /^[\u0021-\u007e]{1,128}$/;

/** Which broker a subject belongs to: `mq.` is NATS (HIP-55), a snake_case name Kafka (HIP-30). */
function brokerOf(subject: string): Broker {
  const shown = JSON.stringify(subject.slice(0, 100));
  if (subject.length > MAX_SUBJECT) throw refused(`a subject may have ${MAX_SUBJECT} characters`);
  if (subject === "mq.dlq" || subject.startsWith("mq.dlq.")) {
    throw refused(`${shown} is where the platform parks what failed: nobody else publishes there`);
  }
  if (/[*>]/.test(subject)) throw refused(`${shown} has a wildcard: only a subscription may`);
  if (MQ.test(subject)) return "nats";
  if (TOPIC.test(subject)) return "kafka";
  throw refused(
    `${shown} is neither a queue (mq.<domain>.<entity>, lower case) nor a topic (snake_case, without dots)`,
  );
}

function checkId(id: string | undefined): void {
  if (id !== undefined && !PRINTABLE.test(id))
    throw refused("id must be 1 to 128 printable characters of ASCII, without spaces");
}

const SCHEMAS = { nats: "hanzo.mq.v1", kafka: "hanzo.stream.v1" } as const;
const ID_PREFIX = { nats: "task_", kafka: "evt_" } as const;

/** What the event is, for consumers of several: the subject in dots, without `mq.` */
function typeOf(broker: Broker, subject: string): string {
  return broker === "nats" ? subject.slice("mq.".length) : subject.replaceAll("_", ".");
}

const MAX_KEY = 128;

/** The text as a broker's key for duplicates. One that is too long becomes its digest: cut off, two might be the same. */
export function messageKey(text: string): string {
  return text.length <= MAX_KEY ? text : `sha256:${createHash("sha256").update(text).digest("hex")}`;
}

interface Wrapped {
  readonly broker: Broker;
  readonly id: string;
  readonly message: Message;
}

/**
 * The message as the broker gets it, in the envelope of HIP-55 or HIP-30. Throws `bad_request`, `payload_too_large`,
 * `loop_detected`.
 * An id of the caller's is a key for duplicates among its own messages: one that another function uses too must not
 * make its message disappear.
 */
export function wrap(publication: Publication, author: Author, nowMs: number): Wrapped {
  const { subject, data } = publication;
  const broker = brokerOf(subject);
  checkId(publication.id);
  const id = publication.id ?? ID_PREFIX[broker] + ulid(nowMs);
  const envelope = {
    schema: SCHEMAS[broker],
    id,
    type: typeOf(broker, subject),
    source: author.source,
    timestamp: new Date(nowMs).toISOString(),
    org_id: author.org,
    data,
  };
  const body = Buffer.from(JSON.stringify(envelope));
  if (body.length > MAX_MESSAGE_BYTES) {
    const message = `a message may have ${MAX_MESSAGE_BYTES} bytes with its envelope, this one has ${body.length}`;
    throw new PlatformError("payload_too_large", message, { component: "brokers" });
  }
  // A message id of the caller's counts among its own.
  const key = publication.id === undefined ? id : messageKey(`${author.org}/${author.source}/${id}`);
  const headers = { "Content-Type": "application/json", ...originHeaders(author.origin ?? {}) };
  return { broker, id, message: { target: subject, id: key, headers, body, key: author.org } };
}

/**
 * Publishes to the broker that the subject belongs to; resolves with the message's id once the broker keeps it.
 * Throws as `wrap` and `Publisher` do.
 */
export async function publish(
  publishers: Publishers,
  publication: Publication,
  {
    author,
    nowMs,
    signal,
  }: { readonly author: Author; readonly nowMs: number; readonly signal: AbortSignal },
): Promise<string> {
  const { broker, id, message } = wrap(publication, author, nowMs);
  await publishers[broker].publish(message, signal);
  return id;
}
