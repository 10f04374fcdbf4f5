import { createHash } from "node:crypto";
import { ulid } from "@hanzo-fn/contract";
import type { Message } from "@hanzo-fn/brokers";
import { type Fields, fieldsOf, onlyFields, optionalText, textField } from "../fields.ts";
import { badRequest, refuse } from "../refuse.ts";
import type { InstanceIdentity } from "../identity.ts";

export type Broker = "nats" | "kafka";

/** One checked `POST /v1/publish`. */
export interface Publication {
  readonly broker: Broker;
  readonly subject: string;
  readonly data: unknown;
  /** The caller's, where it gave one. */
  readonly id: string | undefined;
}

/** With its envelope: what a HIP-55 stream takes. */
export const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_SUBJECT = 249;
const MQ = /^mq(?:\.[a-z0-9_-]+)+$/;
const TOPIC = /^(?!mq$)[a-z0-9]+(?:_[a-z0-9]+)*$/;
const PRINTABLE = /^[\u0021-\u007e]{1,128}$/;

/** Which broker a subject belongs to: `mq.` is NATS (HIP-55), a snake_case name Kafka (HIP-30). */
export function brokerOf(subject: string): Broker {
  const shown = JSON.stringify(subject.slice(0, 100));
  if (subject.length > MAX_SUBJECT) throw badRequest(`a subject may have ${MAX_SUBJECT} characters`);
  if (subject === "mq.dlq" || subject.startsWith("mq.dlq.")) {
    throw badRequest(`${shown} is where the platform parks what failed: nobody else publishes there`);
  }
  if (/[*>]/.test(subject)) throw badRequest(`${shown} has a wildcard: only a subscription may`);
  if (MQ.test(subject)) return "nats";
  if (TOPIC.test(subject)) return "kafka";
  throw badRequest(
    `${shown} is neither a queue (mq.<domain>.<entity>, lower case) nor a topic (snake_case, without dots)`,
  );
}

function idOf(fields: Fields): string | undefined {
  const id = optionalText(fields, "id");
  if (id === undefined || PRINTABLE.test(id)) return id;
  throw badRequest("id must be 1 to 128 printable characters of ASCII, without spaces");
}

export function parsePublication(body: unknown): Publication {
  const fields = fieldsOf(body, "the body");
  onlyFields(fields, ["subject", "data", "id"]);
  if (!Object.hasOwn(fields, "data")) throw badRequest("data is missing");
  const subject = textField(fields, "subject");
  return { broker: brokerOf(subject), subject, data: fields["data"], id: idOf(fields) };
}

const SCHEMAS = { nats: "hanzo.mq.v1", kafka: "hanzo.stream.v1" } as const;
const ID_PREFIX = { nats: "task_", kafka: "evt_" } as const;

/** What the event is, for consumers of several: the subject in dots, without `mq.` */
function typeOf({ broker, subject }: Publication): string {
  return broker === "nats" ? subject.slice("mq.".length) : subject.replaceAll("_", ".");
}

const MAX_KEY = 128;

/** The broker's key for duplicates: a message id of the caller's counts among those of its own function. */
function duplicateKey(id: string, { org, function: name }: InstanceIdentity): string {
  const key = `${org}/${name}/${id}`;
  return key.length <= MAX_KEY ? key : `sha256:${createHash("sha256").update(key).digest("hex")}`;
}

export interface Wrapped {
  readonly id: string;
  readonly message: Message;
}

/**
 * The message as the broker gets it, in the envelope of HIP-55 or HIP-30. Throws `payload_too_large`.
 * An id of the caller's is a key for duplicates among the messages of its own function: one that another function
 * uses too must not make its message disappear.
 */
export function wrap(publication: Publication, identity: InstanceIdentity, nowMs: number): Wrapped {
  const { org, function: name } = identity;
  const { broker, subject, data } = publication;
  const id = publication.id ?? ID_PREFIX[broker] + ulid(nowMs);
  const envelope = {
    schema: SCHEMAS[broker],
    id,
    type: typeOf(publication),
    source: `fn/${name}`,
    timestamp: new Date(nowMs).toISOString(),
    org_id: org,
    data,
  };
  const body = Buffer.from(JSON.stringify(envelope));
  if (body.length > MAX_MESSAGE_BYTES) {
    const message = `a message may have ${MAX_MESSAGE_BYTES} bytes with its envelope, this one has ${body.length}`;
    throw refuse("payload_too_large", message);
  }
  const key = publication.id === undefined ? id : duplicateKey(id, identity);
  const headers = { "Content-Type": "application/json" };
  return { id, message: { target: subject, id: key, headers, body, key: org } };
}
