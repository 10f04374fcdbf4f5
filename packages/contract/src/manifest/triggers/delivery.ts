import type { z } from "zod";
import { formatDuration } from "../../duration.ts";
import { choice, described, duration, flag, integer, text } from "../../document/leaves.ts";
import type { Leaf } from "../../document/leaf.ts";
import { zod } from "../../document/lazy.ts";
import type { Delivery, Retry } from "../types.ts";

const DAY_MS = 86_400_000;

/** `retry` of every trigger that is not HTTP. */
export function retrySchema(defaultBackoff: { initial: string; max: string }): z.ZodType {
  const { z } = zod();
  const backoff = z.strictObject({
    initial: described(
      duration({ minMs: 1 }).prefault(defaultBackoff.initial),
      "Wait before the second attempt.",
      "events fail and are retried; the standard names no delays",
    ),
    max: described(
      duration({ minMs: 1 }).prefault(defaultBackoff.max),
      "Longest wait between attempts.",
      "see `backoff.initial`",
    ),
    multiplier: described(
      integer(1, 10).prefault(2),
      "Factor from one wait to the next; each wait is drawn from 0 to its value (full jitter).",
      "see `backoff.initial`",
    ),
  });
  return described(
    z
      .strictObject({
        attempts: described(
          integer(1, 10_000),
          "Counted attempts before an event is parked. Default: what the MQ subject's registry row says (3 where it has none), 5 for stream, inference and cron. Answers marked `X-Function-Not-Delivered` never count.",
          "a finite bound, so that one bad event cannot block its source",
        ).optional(),
        on_4xx: described(
          choice(["retry", "park"]).prefault("retry"),
          "Whether an answer 4xx is retried like a 5xx or parked at once.",
          "the standard says only that a failed message is redelivered",
        ),
        backoff: described(
          backoff.prefault({}),
          "Exponential back-off between counted attempts.",
          "see `backoff.initial`",
        ),
      })
      .prefault({}),
    "What happens when the function fails on an event.",
    "the standard refers to the queue's retry policy only",
  );
}

export interface RetryFields {
  attempts?: number;
  on_4xx: "retry" | "park";
  backoff: { initial: number; max: number; multiplier: number };
}

export function readRetry(fields: RetryFields): Retry {
  return {
    ...(fields.attempts === undefined ? {} : { attempts: fields.attempts }),
    on4xx: fields.on_4xx,
    backoff: {
      initialMs: fields.backoff.initial,
      maxMs: fields.backoff.max,
      multiplier: fields.backoff.multiplier,
    },
  };
}

export function printRetry(retry: Retry): Record<string, unknown> {
  return {
    ...(retry.attempts === undefined ? {} : { attempts: retry.attempts }),
    on_4xx: retry.on4xx,
    backoff: {
      initial: formatDuration(retry.backoff.initialMs),
      max: formatDuration(retry.backoff.maxMs),
      multiplier: retry.backoff.multiplier,
    },
  };
}

export interface DeliveryFields {
  consumer_group?: string;
  batch_size: number;
  max_batch_wait: number;
  retry: RetryFields;
  partial_response: boolean;
  dead_letter?: string;
  max_event_age: number;
  max_concurrency?: number;
}

export interface DeliveryDefaults {
  readonly group: Leaf<string>;
  readonly deadLetter: Leaf<string>;
  readonly batchSize: number;
  readonly maxBatchWait: string;
}

/** The fields that mq, stream and inference triggers share. */
export function deliveryShape(defaults: DeliveryDefaults): Record<string, z.ZodType> {
  return {
    consumer_group: described(
      defaults.group,
      "Name of the durable consumer or group; an existing one is adopted with its position. Default `fn-<name>`.",
    ).optional(),
    batch_size: described(integer(1, 1000).prefault(defaults.batchSize), "Events per invocation."),
    max_batch_wait: described(
      duration({ maxMs: 300_000 }).prefault(defaults.maxBatchWait),
      "Longest wait to fill a batch.",
    ),
    retry: retrySchema({ initial: "1s", max: "60s" }),
    partial_response: described(
      flag().prefault(false),
      "Honour `batchItemFailures` in the answer, so that only the named events are retried.",
      "the form of AWS Lambda's partial batch response",
    ),
    dead_letter: described(
      defaults.deadLetter,
      "Where parked events are published. Default `mq.dlq.<subject>`, or topic `dead_letter`.",
      "the standard names no dead-letter destination",
    ).optional(),
    max_event_age: described(
      duration({ minMs: 60_000, maxMs: 7 * DAY_MS }).prefault("24h"),
      "An event that could not be delivered for this long is parked.",
      "bounds how long an unreachable function holds its source",
    ),
    max_concurrency: described(
      integer(1, 10_000),
      "Most invocations of this trigger at once. Default: what the function's instances can take.",
      "caps one trigger without capping the function",
    ).optional(),
  };
}

export function readDelivery(fields: DeliveryFields): Delivery {
  return {
    ...(fields.consumer_group === undefined ? {} : { consumerGroup: fields.consumer_group }),
    batchSize: fields.batch_size,
    maxBatchWaitMs: fields.max_batch_wait,
    retry: readRetry(fields.retry),
    partialResponse: fields.partial_response,
    ...(fields.dead_letter === undefined ? {} : { deadLetter: fields.dead_letter }),
    maxEventAgeMs: fields.max_event_age,
    ...(fields.max_concurrency === undefined ? {} : { maxConcurrency: fields.max_concurrency }),
  };
}

export function printDelivery(delivery: Delivery): Record<string, unknown> {
  return {
    ...(delivery.consumerGroup === undefined ? {} : { consumer_group: delivery.consumerGroup }),
    batch_size: delivery.batchSize,
    max_batch_wait: formatDuration(delivery.maxBatchWaitMs),
    retry: printRetry(delivery.retry),
    partial_response: delivery.partialResponse,
    ...(delivery.deadLetter === undefined ? {} : { dead_letter: delivery.deadLetter }),
    max_event_age: formatDuration(delivery.maxEventAgeMs),
    ...(delivery.maxConcurrency === undefined ? {} : { max_concurrency: delivery.maxConcurrency }),
  };
}

/** A JetStream durable name: no dots, spaces or wildcards. */
export function durableName(): Leaf<string> {
  return text({
    pattern: /^[A-Za-z0-9_-]+$/,
    rule: "must be a consumer name of letters, digits, `-` and `_`",
    max: 128,
    suggest: (value) => {
      const clean = value.replaceAll(/[^A-Za-z0-9_-]+/g, "-").replaceAll(/^-+|-+$/g, "");
      return clean === "" ? undefined : `for example ${clean}`;
    },
  });
}

/** A Kafka topic or group name. */
export function kafkaName(what: "topic" | "group"): Leaf<string> {
  return text({
    pattern: /^[A-Za-z0-9._-]+$/,
    rule: `must be a Kafka ${what} name of letters, digits, \`.\`, \`_\` and \`-\``,
    max: 249,
    check: (value) => (value === "." || value === ".." ? `must not be \`${value}\`` : undefined),
  });
}

/** An MQ subject: `mq.<domain>.<entity>[.<action>]`, lower case; wildcards only for a subscription. */
export function mqSubject(wildcards: boolean): Leaf<string> {
  const rule = wildcards
    ? "must be an MQ subject `mq.<domain>.<entity>`, lower case; `*` stands for one part, a final `>` for the rest"
    : "must be an MQ subject `mq.<domain>.<entity>`, lower case, without wildcards";
  const part = wildcards ? "(?:[a-z0-9_-]+|\\*)" : "[a-z0-9_-]+";
  const tail = wildcards ? `(?:\\.${part})*(?:\\.${part}|\\.>)` : `(?:\\.${part})+`;
  return text({
    pattern: new RegExp(`^mq${tail}$`),
    rule,
    max: 255,
    suggest: (value) => {
      const lower = value.toLowerCase().replaceAll("/", ".");
      const prefixed = lower.startsWith("mq.") ? lower : `mq.${lower}`;
      return prefixed !== value && /^mq(\.[a-z0-9_-]+)+$/.test(prefixed)
        ? `did you mean \`${prefixed}\`?`
        : undefined;
    },
  });
}
