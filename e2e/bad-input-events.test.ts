/** What happens to brokers underneath their triggers, and what is no event: the neighbour answers all the while. */
import {
  absentServer,
  type KafkaServer,
  type NatsServer,
  startKafka,
  startNats,
  waitFor,
} from "@hanzo-fn/testkit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { Admin } from "@platformatic/kafka";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { callFunction } from "./support/deploys.ts";
import { eventsApi, type EventsApi, eventually, postPublish, publishOn } from "./support/events.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { type Ledger, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

const absent = absentServer("nats-server") ?? absentServer("kafka");
const stack = new AsyncDisposableStack();
let nats: NatsServer;
let kafka: KafkaServer;
let admin: Admin;
let ledger: Ledger;
let platform: TestPlatform;
let events: EventsApi;

beforeAll(async () => {
  if (absent !== undefined) return;
  nats = stack.use(await startNats());
  kafka = stack.use(await startKafka());
  admin = new Admin({ clientId: "test", bootstrapBrokers: [...kafka.brokers] });
  stack.defer(() => admin.close());
  ledger = stack.use(await startLedger());
  const env = { NATS_URL: nats.url, NATS_CREATE_STREAM: "true", KAFKA_BROKERS: kafka.brokers.join(",") };
  platform = stack.use(await startPlatform({ env }));
  events = eventsApi(platform);
  await deployFunction(platform, NEIGHBOUR);
}, 120_000);
afterAll(() => stack.disposeAsync());
beforeEach((ctx) => {
  if (absent !== undefined) ctx.skip(absent);
});
afterEach(async (ctx) => {
  if (ctx.task.result?.state === "skip" || absent !== undefined) return;
  expect((await callFunction(platform, "neighbour")).status).toBe(200);
});

const publish = (target: string, data: unknown): Promise<string> => publishOn(platform, target, data);
const queued = (name: string): unknown[] => ledger.seenBy(name).map(({ data }) => data);
const streamed = (name: string): unknown[] =>
  ledger.seenBy(name).flatMap(({ data }) => (data as { data: unknown }[]).map((one) => one.data));
const makeTopic = async (topic: string): Promise<void> => {
  await admin.createTopics({ topics: [topic], partitions: 1, replicas: 1 });
};
/** A function that reads the topic from where it is made, and has read one record. */
async function reader(name: string, topic: string): Promise<string> {
  await makeTopic(topic);
  const trigger = `  - {type: stream, topic: ${topic}, max_batch_wait: 50ms}\n`;
  await deployFunction(platform, ledger.function(name, trigger));
  await publish(topic, 1);
  await waitFor("the first record", () => streamed(name).length === 1, eventually);
  return (await events.triggerOf(name)).id;
}

test("a consumer that is deleted underneath is made anew where it was, and nothing is lost", async () => {
  await deployFunction(platform, ledger.function("robbed", "  - {type: mq, source: mq.robbed.things}\n"));
  await publish("mq.robbed.things", 1);
  await waitFor("the first", () => queued("robbed").length === 1, eventually);
  await using connection = await connect({ servers: nats.url });
  const manager = await jetstreamManager(connection);
  await manager.consumers.delete("HANZO_MQ", "fn-robbed");
  await publish("mq.robbed.things", 2);
  await publish("mq.robbed.things", 3);
  await waitFor("the others", () => new Set(queued("robbed")).size === 3, eventually);
  expect((await manager.consumers.info("HANZO_MQ", "fn-robbed")).name).toBe("fn-robbed");
});

test("a message that is no JSON reaches the function as it is; data that is no JSON is not published", async () => {
  await deployFunction(platform, ledger.function("plain", "  - {type: mq, source: mq.plain.things}\n"));
  await using connection = await connect({ servers: nats.url });
  await jetstream(connection).publish("mq.plain.things", Buffer.from('{"cut": '));
  await waitFor("it", () => queued("plain").length === 1, eventually);
  expect(queued("plain")).toEqual([{ body: '{"cut": ' }]);
  const refused = await platform.cli(["publish", "mq.plain.things", "--data", '{"cut": ']);
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining("no JSON")]);
  const answer = await postPublish(platform, '{"subject": ');
  expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining("bad_request")]);
});

test("a topic that is deleted underneath blocks its trigger with the reason; made again, it goes on", async () => {
  await reader("homeless", "homeless_things");
  await admin.deleteTopics({ topics: ["homeless_things"] });
  const blocked = await waitFor(
    "the reason",
    async () => {
      const trigger = await events.triggerOf("homeless");
      return trigger.state === "blocked" && trigger;
    },
    { timeoutMs: 60_000, everyMs: 200 },
  );
  expect(blocked.reason).toContain("homeless_things");
  await makeTopic("homeless_things");
  await publish("homeless_things", 2);
  await waitFor("the new topic's record", () => streamed("homeless").includes(2), {
    timeoutMs: 90_000,
    everyMs: 200,
  });
}, 180_000);

test("offsets that retention removed are counted and passed over", async () => {
  const id = await reader("late", "late_things");
  // Positions are committed every second.
  await events.drained("late");
  await events.post(`/v1/triggers/${id}/pause`);
  for (const n of [2, 3, 4, 5]) await publish("late_things", n);
  await admin.deleteRecords({
    topics: [{ name: "late_things", partitions: [{ partition: 0, offset: 3n }] }],
  });
  await events.post(`/v1/triggers/${id}/resume`);
  await waitFor("what is left", () => streamed("late").length >= 3, eventually);
  expect(streamed("late")).toEqual([1, 4, 5]);
  const metrics = await (await fetch(`${platform.metrics}/metrics`)).text();
  expect(metrics).toMatch(new RegExp(`trigger_lost_total\\{[^}]*id="${id}"\\} 2`));
});

test("a group that expired while its trigger was paused goes on where the trigger was", async () => {
  const id = await reader("asleep", "asleep_things");
  await events.drained("asleep");
  await events.post(`/v1/triggers/${id}/pause`);
  await publish("asleep_things", 2);
  await waitFor(
    "the group to be empty and gone",
    () =>
      admin.deleteGroups({ groups: ["fn-asleep"] }).then(
        () => true,
        () => false,
      ),
    { timeoutMs: 60_000, everyMs: 500 },
  );
  await publish("asleep_things", 3);
  await events.post(`/v1/triggers/${id}/resume`);
  await waitFor("both", () => streamed("asleep").length >= 3, eventually);
  expect(streamed("asleep")).toEqual([1, 2, 3]);
}, 120_000);
