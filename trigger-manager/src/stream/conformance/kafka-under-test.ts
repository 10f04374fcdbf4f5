import { systemClock } from "@hanzo-fn/lifecycle";
import { absentServer, type KafkaServer, needsServer, startKafka, waitFor } from "@hanzo-fn/testkit";
import { Admin, Consumer, Producer } from "@platformatic/kafka";
import { afterAll, beforeAll, beforeEach } from "vitest";
import { createKafkaBroker, type KafkaBrokerOptions } from "../kafka/kafka-broker.ts";
import type { GroupTiming } from "../member.ts";
import type { Publication, StreamUnderTest } from "./setup.ts";

/** Quicker than in production, and longer than a machine that computes something else stands still. */
const TIMING: GroupTiming = { sessionTimeoutMs: 12_000, rebalanceTimeoutMs: 24_000, heartbeatMs: 300 };

interface KafkaUnderTest extends AsyncDisposable {
  readonly server: KafkaServer;
  /** One record, compressed, in partition 0. */
  publishAs(topic: string, compression: "gzip" | "lz4" | "snappy" | "zstd"): Promise<void>;
  /** By one of the two clients. */
  with(client: NonNullable<KafkaBrokerOptions["client"]>): StreamUnderTest;
}

type Sender = Producer<Buffer, Buffer, Buffer, Buffer>;

/**
 * One real broker for all tests of the file that calls this: a start takes seconds, and it is a JVM. The tests are
 * skipped where there is none; they ask for it by the function that is returned.
 */
export function kafkaOfFile(): () => KafkaUnderTest {
  let kafka: KafkaUnderTest | undefined;
  beforeAll(async () => {
    if (absentServer("kafka") === undefined) kafka = await startKafkaUnderTest();
  }, 120_000);
  afterAll(() => kafka?.[Symbol.asyncDispose]());
  beforeEach((ctx) => needsServer(ctx, "kafka"));
  return () => kafka as KafkaUnderTest;
}

async function startKafkaUnderTest(): Promise<KafkaUnderTest> {
  const server = await startKafka({
    settings: {
      "group.min.session.timeout.ms": "1000",
      "log.cleaner.backoff.ms": "200",
      "log.cleaner.min.cleanable.ratio": "0.01",
      "log.retention.check.interval.ms": "500",
    },
  });
  const client = { clientId: "test", bootstrapBrokers: [...server.brokers], retries: 20, retryDelay: 200 };
  const admin = new Admin(client);
  const producer: Sender = new Producer({ ...client, autocreateTopics: false });
  const brokers: { close(): Promise<void> }[] = [];

  const make = async (
    topic: string,
    partitions: number,
    configs: Record<string, string> = {},
  ): Promise<void> => {
    const given = Object.entries(configs).map(([name, value]) => ({ name, value }));
    await waitFor("the topic", () =>
      admin.createTopics({ topics: [topic], partitions, replicas: 1, configs: given }).then(
        () => true,
        () => false,
      ),
    );
  };
  /** The producer hears of a new topic, or of new partitions, only after a moment. */
  const knows = async (topic: string, partition: number): Promise<boolean> => {
    const metadata = await producer.metadata({ topics: [topic], forceUpdate: true }).catch(() => undefined);
    return (metadata?.topics.get(topic)?.partitions[partition]?.leader ?? -1) >= 0;
  };
  const publish = async (topic: string, records: readonly Publication[]): Promise<void> => {
    const messages = records.map(({ partition, key, value }) => ({
      topic,
      partition,
      value: Buffer.from(value),
      ...(key === undefined ? {} : { key: Buffer.from(key) }),
    }));
    const last = Math.max(...records.map(({ partition }) => partition));
    await waitFor("the partitions", () => knows(topic, last), { timeoutMs: 60_000, everyMs: 50 });
    // One partition in each request: one that is refused for a single partition (whose leader is not ready) is sent again
    // as a whole, and what the others had kept of it would be there twice.
    for (const mine of Map.groupBy(messages, ({ partition }) => partition).values())
      for (let i = 0; i < mine.length; i += 2000)
        await producer.send({ acks: -1, messages: mine.slice(i, i + 2000) });
  };
  /** The offset of the first record from here on. */
  const firstAt = async (topic: string): Promise<readonly number[]> => {
    const consumer = new Consumer({ ...client, groupId: `look-${topic}`, autocommit: false });
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", maxWaitTime: 200 });
    const offsets: number[] = [];
    for await (const { offset, value } of stream) {
      offsets.push(Number(offset));
      if (value.toString() === "last") break;
    }
    await consumer.close(true);
    return offsets;
  };
  const underTest = (options: KafkaBrokerOptions): StreamUnderTest => {
    const open = () => {
      const broker = createKafkaBroker(
        { clock: systemClock },
        { brokers: server.brokers },
        { timing: TIMING, ...options },
      );
      brokers.push(broker);
      return broker;
    };
    const broker = open();
    return {
      broker,
      open,
      makeTopic: (topic, partitions) => make(topic, partitions),
      deleteTopic: (topic) => admin.deleteTopics({ topics: [topic] }),
      addPartitions: (topic, count) => admin.createPartitions({ topics: [{ name: topic, count }] }),
      publish,
      async dropBefore(topic, partition, offset) {
        await admin.deleteRecords({
          topics: [{ name: topic, partitions: [{ partition, offset: BigInt(offset) }] }],
        });
      },
      async makeHoles(topic, count) {
        await make(topic, 1, {
          "cleanup.policy": "compact",
          "segment.ms": "100",
          "min.compaction.lag.ms": "0",
        });
        for (let round = 0; round < 3; round++)
          for (let i = 1; i < count; i++)
            await publish(topic, [{ partition: 0, key: `k${i}`, value: `${round}` }]);
        const isCompact = async (): Promise<boolean> => {
          // Only what is not in the newest segment is compacted, and a segment ends with the next record.
          await publish(topic, [{ partition: 0, key: "last", value: "last" }]);
          const offsets = await firstAt(topic);
          return offsets.length < 3 * (count - 1);
        };
        await waitFor("compaction", isCompact, { timeoutMs: 60_000, everyMs: 500 });
      },
      async committed({ group, topic }) {
        const found = await admin.listConsumerGroupOffsets({ groups: [group] }).catch(() => []);
        const offsets: (number | undefined)[] = [];
        for (const one of found[0]?.topics ?? []) {
          if (one.name !== topic) continue;
          for (const { partitionIndex, committedOffset } of one.partitions)
            offsets[partitionIndex] = committedOffset < 0n ? undefined : Number(committedOffset);
        }
        return offsets;
      },
      forgetGroup: ({ group }) => admin.deleteGroups({ groups: [group] }),
      async restart() {
        await server.stop();
        await server.start();
      },
      // kafkajs assigns the leader's own topics alone.
      address: { kafka: server.brokers.join(","), client: options.client ?? "platformatic" },
    };
  };
  return {
    server,
    with: (name) => underTest({ client: name }),
    async publishAs(topic, compression) {
      await waitFor("the topic", () => knows(topic, 0));
      const messages = [
        { topic, partition: 0, value: Buffer.from(`"${compression} `.padEnd(500, "x").concat('"')) },
      ];
      await producer.send({ acks: -1, compression, messages });
    },
    async [Symbol.asyncDispose]() {
      await Promise.allSettled([producer.close(), admin.close(), ...brokers.map((broker) => broker.close())]);
      await server[Symbol.asyncDispose]();
    },
  };
}
