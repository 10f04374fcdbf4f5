import {
  type CronTrigger,
  type InferenceTrigger,
  type MqTrigger,
  type StreamTrigger,
  TRIGGER_KINDS,
} from "@hanzo-fn/contract";
import { expect, it } from "vitest";
import { deliverySettings } from "./settings.ts";

type Kinds = { cron: CronTrigger; inference: InferenceTrigger; mq: MqTrigger; stream: StreamTrigger };

/** A trigger as a manifest writes it, with its defaults. */
function trigger<K extends keyof Kinds>(type: K, fields: Record<string, unknown>): Kinds[K] {
  const kind = TRIGGER_KINDS[type];
  return kind.read(kind.schema().parse({ type, ...fields })) as Kinds[K];
}
const facts = { attempts: 3, timeoutMs: 300_000, maxConcurrency: 40 };

it("takes what a trigger says, and its defaults", () => {
  expect(deliverySettings(trigger("mq", { source: "mq.a.b" }), facts)).toEqual({
    ordering: "none",
    batchSize: 1,
    maxBatchWaitMs: 5000,
    maxBatchBytes: 6_291_456,
    attempts: 3,
    backoff: { initialMs: 1000, factor: 2, maxMs: 60_000 },
    on4xx: "retry",
    partialResponse: false,
    maxEventAgeMs: 86_400_000,
    maxConcurrency: 40,
    deadlineMs: 365_000,
  });
  const own = trigger("stream", {
    topic: "t",
    batch_size: 7,
    max_batch_wait: "1s",
    partial_response: true,
    max_event_age: "1h",
    max_concurrency: 2,
    retry: { attempts: 9, on_4xx: "park", backoff: { initial: "2s", max: "9s", multiplier: 3 } },
  });
  expect(deliverySettings(own, { ...facts, coldStartBudgetMs: 1000 })).toMatchObject({
    ordering: "partition",
    batchSize: 7,
    maxBatchWaitMs: 1000,
    attempts: 9,
    backoff: { initialMs: 2000, factor: 3, maxMs: 9000 },
    on4xx: "park",
    partialResponse: true,
    maxEventAgeMs: 3_600_000,
    maxConcurrency: 2,
    deadlineMs: 306_000,
  });
});

it("never calls more than the instances take", () => {
  const own = trigger("mq", { source: "mq.a.b", max_concurrency: 100 });
  expect(deliverySettings(own, facts).maxConcurrency).toBe(40);
});

it.each([
  ["mq", { source: "mq.a.b", ordering: "subject" }, "key"],
  ["mq", { source: "mq.a.b", ordering: "strict" }, "partition"],
  ["stream", { topic: "t", ordering: "key" }, "key"],
  ["stream", { topic: "t", ordering: "none" }, "none"],
  ["inference", {}, "none"],
  ["cron", { schedule: "@daily" }, "none"],
] as const)("the order of %s %j is that of its %s", (type, fields, ordering) => {
  expect(deliverySettings(trigger(type, fields), facts).ordering).toBe(ordering);
});

it("a run of a schedule is an event of its own", () => {
  expect(deliverySettings(trigger("cron", { schedule: "@daily" }), facts)).toMatchObject({
    batchSize: 1,
    maxBatchWaitMs: 0,
    partialResponse: false,
  });
});

it("in strict order there are no batches to wait for", () => {
  const strict = trigger("mq", { source: "mq.a.b", ordering: "strict", batch_size: 100 });
  expect(deliverySettings(strict, facts).batchSize).toBe(1);
});
