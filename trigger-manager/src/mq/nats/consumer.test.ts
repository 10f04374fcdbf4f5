import type { ConsumerConfig, ConsumerInfo, StreamInfo } from "@nats-io/jetstream";
import { describe, expect, test } from "vitest";
import type { ConsumerWish, MqConsumer } from "../broker.ts";
import { adopt, checkSubject, clashOf, newConsumer } from "./consumer.ts";

const wish: ConsumerWish = { name: "c", subject: "mq.a.b", description: "of f", maxAckPending: 256 };
const stream = (config: Partial<StreamInfo["config"]> = {}) =>
  ({
    created: "then",
    config: { name: "S", subjects: ["mq.>"], retention: "limits", ...config },
  }) as StreamInfo;
const consumer = (config: Record<string, unknown> = {}, name = "c") =>
  ({
    name,
    stream_name: "S",
    config: {
      ack_policy: "explicit",
      ack_wait: 30e9,
      max_deliver: -1,
      max_ack_pending: 1000,
      filter_subject: "mq.a.b",
      ...config,
    },
  }) as ConsumerInfo;
const known: MqConsumer = {
  stream: "S",
  name: "c",
  subject: "mq.a.b",
  created: true,
  position: 41,
  streamCreated: "then",
  incarnation: 0,
};

describe("a new consumer", () => {
  const policyOf = (of: Partial<ConsumerConfig>) => [of.deliver_policy, of.opt_start_seq];

  test("waits for acknowledgements without end, and has no limit of deliveries", () => {
    expect(newConsumer(wish, stream(), 30_000)).toEqual({
      durable_name: "c",
      description: "of f",
      filter_subject: "mq.a.b",
      ack_policy: "explicit",
      ack_wait: 30_000_000_000,
      max_deliver: -1,
      max_ack_pending: 256,
      deliver_policy: "new",
    });
  });

  test("begins with what is new, where it was, or with all that a work queue or a new stream has", () => {
    expect(policyOf(newConsumer({ ...wish, known }, stream(), 1))).toEqual(["by_start_sequence", 42]);
    const another = { ...known, streamCreated: "before" };
    expect(policyOf(newConsumer({ ...wish, known: another }, stream(), 1))).toEqual(["all", undefined]);
    const queue = stream({ retention: "workqueue" });
    expect(newConsumer({ ...wish, known }, queue, 1).deliver_policy).toBe("all");
  });
});

describe("an adopted consumer", () => {
  test("that is as it should be is left alone", () => {
    expect(adopt(consumer(), wish, 30_000)).toEqual({ change: {}, attempts: undefined });
  });

  test("gives up its limit of deliveries and all that would lose events, and keeps its room", () => {
    const odd = {
      max_deliver: 5,
      ack_wait: 5e9,
      backoff: [1e9],
      inactive_threshold: 60e9,
      headers_only: true,
    };
    expect(adopt(consumer(odd), wish, 30_000)).toEqual({
      attempts: 5,
      change: {
        max_deliver: -1,
        ack_wait: 30e9,
        backoff: [],
        inactive_threshold: 0,
        headers_only: false,
      },
    });
    expect(adopt(consumer({ max_ack_pending: 10 }), wish, 30_000).change).toEqual({ max_ack_pending: 256 });
    expect(adopt(consumer(), { ...wish, maxAckPending: 1 }, 30_000).change).toEqual({ max_ack_pending: 1 });
  });

  test.each([
    ["pushed to", { deliver_subject: "x" }],
    ['acknowledges by "all"', { ack_policy: "all" }],
    ["priority groups", { priority_policy: "overflow" }],
    ["takes mq.x, not mq.a.b", { filter_subject: "mq.x" }],
    ["takes mq.a.b, mq.c, not mq.a.b", { filter_subjects: ["mq.a.b", "mq.c"] }],
    ["takes >, not mq.a.b", { filter_subject: undefined }],
  ])("that is one that %s is refused", (why, config) => {
    const other = consumer(config);
    expect(() => adopt(other, wish, 30_000)).toThrow(expect.objectContaining({ code: "conflict" }));
    expect(() => adopt(other, wish, 30_000)).toThrow(why);
  });

  test("that we made takes another subject", () => {
    const before = consumer({ filter_subject: "mq.x" });
    expect(adopt(before, { ...wish, known }, 30_000).change).toEqual({ filter_subject: "mq.a.b" });
    const theirs = { ...wish, known: { ...known, created: false } };
    expect(() => adopt(before, theirs, 30_000)).toThrow("takes mq.x");
  });
});

test("a subject is one that the stream takes, or may take", () => {
  for (const subject of ["mq.a", "mq.*", ">", "*.a"])
    expect(() => checkSubject(stream(), subject)).not.toThrow();
  expect(() => checkSubject(stream(), "other.a")).toThrow("takes mq.>, not other.a");
  expect(() => checkSubject(stream({ subjects: [] }), "mq.a")).toThrow("takes no subjects, not mq.a");
});

test("the consumer that is in the way is another one whose subjects overlap", () => {
  const all = [
    consumer({}, "c"),
    consumer({ filter_subject: "mq.x" }, "x"),
    consumer({ filter_subjects: ["mq.y", "mq.a.*"] }, "in the way"),
    consumer({ filter_subject: undefined }, "everything"),
  ];
  expect(clashOf(all, wish)?.name).toBe("in the way");
  expect(clashOf(all.slice(0, 2), wish)).toBeUndefined();
  expect(clashOf(all.slice(3), wish)?.name).toBe("everything");
});
