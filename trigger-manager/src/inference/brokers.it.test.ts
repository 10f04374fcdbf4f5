import { createKafkaPublisher } from "@hanzo-fn/brokers";
import { systemClock } from "@hanzo-fn/lifecycle";
import { silentLogger } from "@hanzo-fn/telemetry";
import { absentServer, needsServer, type NatsServer, startNats, waitFor } from "@hanzo-fn/testkit";
import type { Store } from "@hanzo-fn/store";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createNatsBroker } from "../mq/nats/broker.ts";
import { kafkaOfFile } from "../stream/conformance/kafka-under-test.ts";
import { createKafkaBroker } from "../stream/kafka/kafka-broker.ts";
import { exerciseInference, type InferenceUnderTest, openPlatform, publishingTo } from "./exercise.ts";
import { MATCH_STREAM } from "./matches.ts";
import { inferenceTrigger, usage } from "./test-events.ts";

const TIMING = { sessionTimeoutMs: 12_000, rebalanceTimeoutMs: 24_000, heartbeatMs: 300 };
const parts = { clock: systemClock, log: silentLogger };

// One of each for all tests.
const kafka = kafkaOfFile();
let nats: NatsServer | undefined;
beforeAll(async () => {
  if (absentServer("nats-server") === undefined) nats = await startNats();
});
afterAll(() => nats?.[Symbol.asyncDispose]());
beforeEach((ctx) => needsServer(ctx, "nats-server"));

let count = 0;

async function setup(store: Store, { makeTopic = true } = {}): Promise<InferenceUnderTest> {
  const topic = `llm_usage_${count++}`;
  const { server, with: client } = kafka();
  const under = client("platformatic");
  if (makeTopic) await under.makeTopic(topic, 2);
  const brokers = { brokers: server.brokers };
  const publisher = createKafkaPublisher({ clock: systemClock }, brokers);
  const mqParts = { eventAttempts: store.eventAttempts, ...parts };
  const servers = [nats!.url];
  // Where dead letters go.
  const maker = createNatsBroker(mqParts, { servers, createStream: true });
  const reader = { name: "letters", subject: "mq.dlq.>", description: "", maxAckPending: 10 };
  await maker.ensure(reader, new AbortController().signal);
  await maker.close();
  return {
    ...publishingTo(topic, publisher),
    connect() {
      const matches = createNatsBroker(mqParts, { servers, ownStream: MATCH_STREAM });
      const queues = createNatsBroker(mqParts, { servers });
      const topics = createKafkaBroker({ clock: systemClock }, brokers, { timing: TIMING });
      return {
        topics,
        matches,
        queues: queues.publisher,
        async close() {
          await Promise.all([matches.close(), queues.close(), topics.close()]);
        },
      };
    },
  };
}

exerciseInference("NATS and Kafka", setup);

test("an inference trigger is blocked while Kafka has no such topic, and sees all of it once it is made", async () => {
  await using p = await openPlatform((store) => setup(store, { makeTopic: false }));
  const [row] = await p.deploy("f", [inferenceTrigger()]);
  await p.serve();
  const isBlocked = async (): Promise<boolean> => {
    const found = await p.store.triggers.get("acme", row!.id);
    return found?.state === "blocked" && found.reason === `there is no Kafka topic ${p.under.topic}`;
  };
  await waitFor("it to be blocked", isBlocked, { timeoutMs: 60_000 });
  await kafka().with("platformatic").makeTopic(p.under.topic, 1);
  await p.under.publish([usage("r0"), usage("r1")]);
  await waitFor("both", () => p.calls.length === 2, { timeoutMs: 60_000 });
  expect(p.requestsOf("f").toSorted()).toEqual(["r0", "r1"]);
});

test("matches wait for NATS while it is away, and none is lost", async () => {
  await using p = await openPlatform(setup);
  const [row] = await p.deploy("f", [inferenceTrigger()]);
  const { connections, manager } = await p.serve();
  await p.under.publish([usage("r0")]);
  await waitFor("the first one", () => p.calls.length === 1, { timeoutMs: 60_000 });
  await nats!.stop();
  await p.under.publish(["r1", "r2", "r3"].map((id) => usage(id)));
  const place = { group: `${p.under.topic}-inference.tee`, topic: p.under.topic };
  const lag = await connections.topics.lag(place, new AbortController().signal);
  expect(lag.items).toBeGreaterThanOrEqual(3);
  // An unknown lag is none.
  expect(await manager.lag(row!)).toBeUndefined();
  await nats!.start();
  const all = ["r0", "r1", "r2", "r3"];
  await waitFor("the others", () => all.every((id) => p.requestsOf("f").includes(id)), { timeoutMs: 60_000 });
});
