import { PlatformError } from "@hanzo-fn/contract";
import type { ConsumerConfig, ConsumerInfo, ConsumerUpdateConfig, StreamInfo } from "@nats-io/jetstream";
import type { ConsumerWish } from "../broker.ts";
import { subjectsOverlap } from "../subjects.ts";

const NS_PER_MS = 1_000_000;

/** Counted attempts are ours: a limit of deliveries would make an event vanish that was merely returned. */
const NO_LIMIT = -1;

function conflict(message: string, next: string): PlatformError {
  return new PlatformError("conflict", message, { component: "trigger-manager", next });
}

/** Throws where the stream does not take the subject: the server makes such a consumer, and it never gets anything. */
export function checkSubject({ config }: StreamInfo, subject: string): void {
  const { subjects = [] } = config;
  if (subjects.some((pattern) => subjectsOverlap(pattern, subject))) return;
  throw new PlatformError(
    "bad_request",
    `the stream ${config.name} takes ${subjects.join(", ") || "no subjects"}, not ${subject}`,
    { component: "trigger-manager", next: "Use one of its subjects, or add this one to the stream." },
  );
}

/** How a consumer that does not exist is made. */
export function newConsumer(
  wish: ConsumerWish,
  stream: StreamInfo,
  ackWaitMs: number,
): Partial<ConsumerConfig> {
  const { known } = wish;
  const begin: Partial<ConsumerConfig> =
    known !== undefined && known.streamCreated === stream.created
      ? { deliver_policy: "by_start_sequence", opt_start_seq: known.position + 1 }
      : // Of a stream that was made anew nothing was seen before.
        { deliver_policy: known === undefined ? "new" : "all" };
  return {
    durable_name: wish.name,
    description: wish.description,
    filter_subject: wish.subject,
    ack_policy: "explicit",
    ack_wait: ackWaitMs * NS_PER_MS,
    max_deliver: NO_LIMIT,
    max_ack_pending: wish.maxAckPending,
    // A work queue has nothing that is done, and takes no other policy.
    ...(stream.config.retention === "workqueue" ? { deliver_policy: "all" } : begin),
  };
}

export interface Adoption {
  /** What must change for the consumer to serve; empty where nothing must. */
  readonly change: Partial<ConsumerUpdateConfig>;
  /** Its limit of deliveries, where it had one. */
  readonly attempts: number | undefined;
}

function filterOf({ config }: ConsumerInfo): string {
  if (config.filter_subjects !== undefined && config.filter_subjects.length > 0)
    return config.filter_subjects.join(", ");
  return config.filter_subject ?? ">";
}

/** Throws `conflict` where the consumer cannot be used by a trigger, and why. */
function checkUsable(info: ConsumerInfo, wish: ConsumerWish): void {
  const { config } = info;
  const shown = `the consumer ${info.name} of the stream ${info.stream_name}`;
  const other = "Give the trigger another consumer_group, or remove that consumer.";
  if (config.deliver_subject !== undefined && config.deliver_subject !== "")
    throw conflict(`${shown} is one that messages are pushed to: a trigger pulls`, other);
  if (config.ack_policy !== "explicit")
    throw conflict(`${shown} acknowledges by "${config.ack_policy}", which cannot be changed`, other);
  if (config.priority_policy !== undefined && config.priority_policy !== "none")
    throw conflict(`${shown} shares by priority groups, which a trigger has none of`, other);
  const isOurs = wish.known?.created === true && wish.known.name === info.name;
  if (filterOf(info) !== wish.subject && !isOurs)
    throw conflict(`${shown} takes ${filterOf(info)}, not ${wish.subject}`, other);
}

/** How one that exists becomes the trigger's. Its position and what it still holds stay. */
export function adopt(info: ConsumerInfo, wish: ConsumerWish, ackWaitMs: number): Adoption {
  checkUsable(info, wish);
  const { config } = info;
  const attempts =
    config.max_deliver !== undefined && config.max_deliver > 0 ? config.max_deliver : undefined;
  // One at a time is strict; otherwise more room is only better.
  const maxAckPending =
    wish.maxAckPending === 1 ? 1 : Math.max(wish.maxAckPending, config.max_ack_pending ?? 0);
  const wanted: Partial<ConsumerUpdateConfig> = {
    max_deliver: NO_LIMIT,
    ack_wait: ackWaitMs * NS_PER_MS,
    max_ack_pending: maxAckPending,
  };
  const change: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(wanted))
    if (config[name as keyof ConsumerConfig] !== value) change[name] = value;
  if ((config.backoff ?? []).length > 0) change["backoff"] = [];
  if ((config.inactive_threshold ?? 0) > 0) change["inactive_threshold"] = 0;
  if (config.headers_only === true) change["headers_only"] = false;
  if (filterOf(info) !== wish.subject) change["filter_subject"] = wish.subject;
  return { change, attempts };
}

/** The consumer that already takes what this one wants, of a work queue. */
export function clashOf(
  consumers: readonly ConsumerInfo[],
  { name, subject }: ConsumerWish,
): ConsumerInfo | undefined {
  return consumers.find((info) => {
    const { filter_subjects: several, filter_subject: one = ">" } = info.config;
    const filters = several !== undefined && several.length > 0 ? several : [one];
    return info.name !== name && filters.some((filter) => subjectsOverlap(filter, subject));
  });
}
