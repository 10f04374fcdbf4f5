import { systemClock } from "@hanzo-fn/lifecycle";
import {
  absentServer,
  makeCertificate,
  needsCertificate,
  needsServer,
  startKafka,
  type KafkaServer,
} from "@hanzo-fn/testkit";
import { Admin, Consumer } from "@platformatic/kafka";
import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exercisePublisher, type Kept } from "./conformance.ts";
import { createKafkaPublisher, type KafkaPublisherSettings } from "./index.ts";

const USER = { username: "functions", password: "s p@ss" };
const deps = { clock: systemClock };
const patient = new AbortController().signal;

// One broker for all tests: a start takes seconds. Every test leaves it running.
let server: KafkaServer | undefined;
beforeAll(async () => {
  if (absentServer("kafka") === undefined)
    server = await startKafka({ users: { [USER.username]: USER.password } });
});
afterAll(() => server?.[Symbol.asyncDispose]());
beforeEach((ctx) => needsServer(ctx, "kafka"));

const client = () => ({
  clientId: "test",
  bootstrapBrokers: [...server!.brokers],
  sasl: { mechanism: "PLAIN" as const, ...USER },
});

async function newTopic(partitions = 3): Promise<string> {
  const topic = `t_${randomBytes(6).toString("hex")}`;
  const admin = new Admin(client());
  await admin.createTopics({ topics: [topic], partitions, replicas: 1 });
  await admin.close();
  return topic;
}

async function keptIn(topic: string): Promise<(Kept & { readonly partition: number })[]> {
  const admin = new Admin(client());
  const [listed] = await admin.listOffsets({
    topics: [
      { name: topic, partitions: [0, 1, 2].map((partitionIndex) => ({ partitionIndex, timestamp: -1n })) },
    ],
  });
  await admin.close();
  const total = listed!.partitions.reduce((sum, { offset }) => sum + Number(offset), 0);
  if (total === 0) return [];
  const consumer = new Consumer({ ...client(), groupId: `g-${topic}`, maxWaitTime: 100 });
  const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: false });
  const kept: (Kept & { readonly partition: number })[] = [];
  for await (const one of stream) {
    const headers = [...one.headers].map(([name, value]) => [name.toString(), value.toString()]);
    kept.push({
      headers: Object.fromEntries(headers) as Record<string, string>,
      body: one.value ?? Buffer.alloc(0),
      key: one.key?.toString(),
      partition: one.partition,
    });
    if (kept.length === total) break;
  }
  await consumer.close(true);
  return kept;
}

const open = (settings: Partial<KafkaPublisherSettings> = {}) =>
  createKafkaPublisher(deps, { brokers: server!.brokers, sasl: USER, ...settings });

exercisePublisher("a publisher to Kafka", async () => {
  const topic = await newTopic();
  let running = true;
  const start = async (): Promise<void> => {
    if (!running) await server!.start();
    running = true;
  };
  return {
    open,
    openWrong: () => open({ sasl: { ...USER, password: "wrong" } }),
    target: topic,
    unknownTarget: "no_such_topic",
    kept: () => keptIn(topic),
    async stop() {
      running = false;
      await server!.stop();
    },
    start,
    [Symbol.asyncDispose]: start,
  };
});

test("a publisher to Kafka: messages of one key lie in one partition, in their order", async () => {
  const topic = await newTopic();
  const publisher = open();
  for (let i = 0; i < 12; i++) {
    const key = ["a", "b", "c", "d"][i % 4];
    await publisher.publish(
      { target: topic, id: `${i}`, headers: {}, body: Buffer.from(`${i}`), key },
      patient,
    );
  }
  await publisher.close();
  const kept = await keptIn(topic);
  for (const key of ["a", "b", "c", "d"]) {
    const mine = kept.filter((one) => one.key === key);
    expect(new Set(mine.map((one) => one.partition)).size).toBe(1);
    const numbers = mine.map((one) => Number(Buffer.from(one.body).toString()));
    expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
    expect(numbers).toHaveLength(3);
  }
  expect(new Set(kept.map((one) => one.partition)).size).toBeGreaterThan(1);
});

test("a publisher to Kafka: each message that is acknowledged has its own place in the log, also where others fail meanwhile", async () => {
  const topic = `t_${randomBytes(6).toString("hex")}`;
  const admin = new Admin(client());
  const configs = [{ name: "max.message.bytes", value: "2000" }];
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1, configs });
  await admin.close();
  // The client asks for the partition's leader before every message, so that messages are under way when one fails.
  const publisher = open({ metadataMaxAgeMs: 1 });
  const publish = (id: string, bytes: number): Promise<string> =>
    publisher
      .publish({ target: topic, id, headers: {}, body: Buffer.alloc(bytes) }, patient)
      .then(({ place }) => place ?? "");
  const places: string[] = [];
  for (let round = 0; round < 30; round++) {
    const refused = expect(publish(`large-${round}`, 100_000)).rejects.toMatchObject({
      code: "payload_too_large",
    });
    const small: Promise<string>[] = [];
    for (let i = 0; i < 20; i++) {
      await sleep(1);
      small.push(publish(`${round}-${i}`, 10));
    }
    await refused;
    places.push(...(await Promise.all(small)));
  }
  await publisher.close();
  expect(places).toHaveLength(600);
  expect(new Set(places).size).toBe(600);
});

test("a publisher to Kafka: a topic that is made after a refusal is found", async () => {
  const publisher = open();
  const topic = `t_${randomBytes(6).toString("hex")}`;
  const message = { target: topic, id: "1", headers: {}, body: Buffer.from("x") };
  await expect(publisher.publish(message, patient)).rejects.toMatchObject({
    code: "bad_request",
    message: expect.stringContaining(`there is no Kafka topic ${topic}`) as string,
  });
  const admin = new Admin(client());
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
  await admin.close();
  expect(await publisher.publish(message, patient)).toEqual({ place: `${topic}/0@0`, duplicate: false });
  await publisher.close();
});

test("a publisher to Kafka: over TLS with a login, where an unknown authority is no authority", async (ctx) => {
  needsCertificate(ctx);
  await using certificate = await makeCertificate();
  await using secure = await startKafka({ users: { u: "p" }, certificate });
  const settings = { brokers: secure.brokers, sasl: { username: "u", password: "p" } };
  const message = { target: "none", id: "1", headers: {}, body: Buffer.from("x") };
  const trusting = createKafkaPublisher(deps, { ...settings, tls: { ca: certificate.pem } });
  await expect(trusting.publish(message, patient)).rejects.toThrow("there is no Kafka topic none");
  await trusting.close();
  const careful = createKafkaPublisher(deps, { ...settings, tls: {}, timeoutMs: 1500 });
  await expect(careful.publish(message, patient)).rejects.toThrow(/self-signed/);
  await careful.close();
});
