/** Streams from `publish` to the function and back: on the platform's own log, and on Kafka. */
import { absentServer, type KafkaServer, startKafka, waitFor } from "@hanzo-fn/testkit";
import { Admin } from "@platformatic/kafka";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { callFunction, expectError, uploadFunction } from "./support/deploys.ts";
import { eventsApi, type EventsApi, eventually, publishOn } from "./support/events.ts";
import { expectParkedAgain, expectSurvival, FAILURES, parkedBy, RETRY } from "./support/failing.ts";
import { deployFunction, NEIGHBOUR } from "./support/functions.ts";
import { type Ledger, startLedger } from "./support/ledger.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";

const absent = absentServer("kafka");

/** Topics are made by whoever runs the broker; the platform's own log makes them by itself. */
async function topicsOf(kafka: KafkaServer | undefined) {
  const admin =
    kafka === undefined ? undefined : new Admin({ clientId: "test", bootstrapBrokers: [...kafka.brokers] });
  return {
    make: async (...topics: string[]) =>
      void (await admin?.createTopics({ topics, partitions: 3, replicas: 1 })),
    delete: async (topic: string) => void (await admin?.deleteTopics({ topics: [topic] })),
    [Symbol.asyncDispose]: async () => void (await admin?.close()),
  };
}

/** Of all records that the function had, each envelope's data. */
const dataSeen = (ledger: Ledger, name: string): unknown[] =>
  ledger.seenBy(name).flatMap(({ data }) => (data as { data: unknown }[]).map((one) => one.data));

describe.each(["the platform's own log", "Kafka"] as const)("%s", (broker) => {
  const isKafka = broker === "Kafka";
  const stack = new AsyncDisposableStack();
  let kafka: KafkaServer | undefined;
  let topics: Awaited<ReturnType<typeof topicsOf>>;
  let ledger: Ledger;
  let platform: TestPlatform;
  let events: EventsApi;
  const options = (): { env: Record<string, string> } => {
    return { env: kafka === undefined ? {} : { KAFKA_BROKERS: kafka.brokers.join(",") } };
  };
  const publish = (topic: string, data: unknown): Promise<string> => publishOn(platform, topic, data);
  const dataSeenBy = (name: string): unknown[] => dataSeen(ledger, name);
  const seen = (name: string, count: number): Promise<unknown> =>
    waitFor(`${count} records for ${name}`, () => dataSeenBy(name).length >= count, eventually);

  beforeAll(async () => {
    if (isKafka && absent !== undefined) return;
    if (isKafka) kafka = stack.use(await startKafka());
    topics = stack.use(await topicsOf(kafka));
    ledger = stack.use(await startLedger());
    platform = stack.use(await startPlatform(options()));
    events = eventsApi(platform);
    await topics.make("dead_letter");
    await deployFunction(platform, NEIGHBOUR);
  }, 120_000);
  afterAll(() => stack.disposeAsync());
  beforeEach((ctx) => {
    if (isKafka && absent !== undefined) ctx.skip(absent);
  });

  test("the standard's stream block deploys as it is printed, and its function gets what is published after it", async () => {
    await topics.make("llm_usage");
    await publish("llm_usage", "before");
    const block = `  - type: stream
    topic: llm_usage
    consumer_group: fn-usage-aggregator
    batch_size: 100  # Events per invocation
    max_batch_wait: 10s
    start_offset: latest  # "latest" or "earliest"
`;
    const quick = block.replace("10s", "300ms");
    await deployFunction(platform, ledger.function("usage", block));
    await deployFunction(platform, ledger.function("usage", quick));
    await publish("llm_usage", { tokens: 7 });
    await publish("llm_usage", { tokens: 8 });
    await seen("usage", 2);
    expect(dataSeenBy("usage")).toEqual([{ tokens: 7 }, { tokens: 8 }]);
    const [first] = ledger.seenBy("usage");
    const { id } = await events.triggerOf("usage");
    expect(first?.trigger).toMatchObject({ type: "stream", source: "llm_usage", id });
    expect((first?.data as unknown[] | undefined)?.[0]).toMatchObject({
      schema: "hanzo.stream.v1",
      org_id: "local",
    });
    expect(await events.drained("usage")).toMatchObject({
      type: "stream",
      source: "llm_usage",
      state: "active",
    });
  });

  test("start_offset: earliest gives what was there before, in the order of its partition", async () => {
    await topics.make("early_birds");
    for (let n = 0; n < 5; n++) await publish("early_birds", n);
    const trigger = "  - {type: stream, topic: early_birds, start_offset: earliest, max_batch_wait: 100ms}\n";
    await deployFunction(platform, ledger.function("early", trigger));
    await seen("early", 5);
    expect(dataSeenBy("early")).toEqual([0, 1, 2, 3, 4]);
  });

  test("a paused trigger keeps its place through a redeploy, and goes on where it was", async () => {
    await topics.make("kept_things");
    const trigger = "  - {type: stream, topic: kept_things, max_batch_wait: 50ms}\n";
    await deployFunction(platform, ledger.function("kept", trigger));
    await publish("kept_things", 1);
    await seen("kept", 1);
    const { id } = await events.triggerOf("kept");
    await events.post(`/v1/triggers/${id}/pause`);
    await publish("kept_things", 2);
    const http = "  - {type: http, path: /v1/functions/kept}\n";
    await deployFunction(platform, ledger.function("kept", http + trigger, "return 'again';"));
    await publish("kept_things", 3);
    await events.post(`/v1/triggers/${id}/resume`);
    await seen("kept", 3);
    expect(dataSeenBy("kept")).toEqual([1, 2, 3]);
  });

  describe("a function that fails", () => {
    test.each(FAILURES)(
      "%s: is retried, its record is parked and published, and the partition goes on; the neighbour answers",
      async (name, then, manifest) => {
        const topic = name.replaceAll("-", "_");
        await topics.make(topic);
        const trigger = `  - {type: stream, topic: ${topic}, batch_size: 1, ${RETRY}}\n`;
        const code = `if (ctx.data[0].data === 'poison') { ${then} }`;
        await deployFunction(platform, ledger.function(name, trigger, code, manifest));
        await publish(topic, "poison");
        await publish(topic, "good");
        const letter = await parkedBy(platform, name);
        expect(letter).toMatchObject({ reason: "attempts", attempts: 2, source: topic });
        expect((await events.letter(letter.id)).data).toMatchObject({ data: "poison" });
        await seen(name, 3);
        expect(dataSeenBy(name)).toEqual(["poison", "poison", "good"]);
        expect(await events.lettersOf(name)).toHaveLength(1);
      },
    );

    test("a redrive into the same failure parks again, as a new record", () =>
      expectParkedAgain(platform, "fails-500"));

    test("what was parked can be read by a trigger on its dead letters", async () => {
      const trigger =
        "  - {type: stream, topic: dead_letter, start_offset: earliest, max_batch_wait: 100ms}\n";
      await deployFunction(platform, ledger.function("morgue", trigger));
      await seen("morgue", FAILURES.length);
      expect(new Set(dataSeenBy("morgue"))).toEqual(new Set(["poison"]));
    });
  });

  test("a topic that is not there is told of, or made", async () => {
    const trigger = "  - {type: stream, topic: nobody_made_it}\n";
    const answer = await uploadFunction(platform, ledger.function("lonely", trigger));
    if (isKafka) expect(expectError(answer, 404, "not_found").msg).toContain("nobody_made_it");
    else expect(answer.status).toBe(201);
    expect(await events.triggersOf("lonely")).toHaveLength(isKafka ? 0 : 1);
    expect((await callFunction(platform, "neighbour")).status).toBe(200);
  });

  test("a batch of 1,001 is refused", async () => {
    const many = ledger.function("many", "  - {type: stream, topic: kept_things, batch_size: 1001}\n");
    expectError(await uploadFunction(platform, many), 400, "invalid_manifest");
  });
});

test("a platform that is killed with records of its own log under way loses none", async () => {
  await using ledger = await startLedger();
  const trigger = "  - {type: stream, topic: survive_it, batch_size: 3, max_batch_wait: 10ms}\n";
  const source = ledger.function("survivor", trigger, "await new Promise((go) => setTimeout(go, 100));");
  const seen = (): unknown[] => dataSeen(ledger, "survivor");
  const isBusy = (): boolean => ledger.seenBy("survivor").length > 2;
  await expectSurvival({ source, subject: "survive_it", seen, isBusy });
}, 120_000);
