import { once } from "node:events";
import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import {
  createTestDatabase,
  needsServer,
  recordingLog,
  startCutProxy,
  startNats,
  waitFor,
} from "@hanzo-fn/testkit";
import { jetstream, jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { beforeEach, describe, expect, test } from "vitest";
import { exerciseMqSource } from "../conformance.ts";
import { exerciseMqConsumers } from "../conformance-consumers.ts";
import { exerciseMqFaults } from "../conformance-faults.ts";
import {
  ack,
  MqBench,
  type MqSurroundings,
  type MqUnderTest,
  patient,
  type SetupMq,
  SHORT_ACK_WAIT_MS,
  STREAM,
  textOf,
  wish,
} from "../conformance-bench.ts";
import { createNatsBroker } from "./broker.ts";

beforeEach((ctx) => needsServer(ctx, "nats-server"));

interface NatsUnderTest extends MqUnderTest {
  readonly url: string;
}

async function setup({ kind, ackWaitMs }: MqSurroundings): Promise<NatsUnderTest> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startNats());
  const admin = async <T>(
    work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
  ): Promise<T> => {
    const connection = await connect({ servers: server.url });
    try {
      return await work(await jetstreamManager(connection));
    } finally {
      await connection.close();
    }
  };
  const addStream = async (): Promise<void> => {
    const config = { name: STREAM, subjects: ["mq.>"], retention: kind, max_msg_size: 1024 * 1024 };
    await admin((manager) => manager.streams.add(config));
  };
  await addStream();
  const kept = stack.move();
  return {
    url: server.url,
    connect: (store) =>
      createNatsBroker(
        { eventAttempts: store.eventAttempts, clock: systemClock, log: recordingLog() },
        { servers: [server.url], ackWaitMs },
      ),
    async addConsumer(name, subject) {
      const config = {
        durable_name: name,
        ack_policy: "explicit",
        filter_subject: subject,
        max_deliver: 7,
      } as const;
      await admin((manager) => manager.consumers.add(STREAM, config));
    },
    removeConsumer: async (name) => void (await admin((manager) => manager.consumers.delete(STREAM, name))),
    hasConsumer: (name) =>
      admin(async (manager) => {
        const all = await manager.consumers.list(STREAM).next();
        return all.some((consumer) => consumer.name === name);
      }),
    removeStream: async () => void (await admin((manager) => manager.streams.delete(STREAM))),
    addStream,
    async crash() {
      await server.stop();
      await server.start();
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

exerciseMqSource("NATS", setup);
exerciseMqConsumers("NATS", setup);
exerciseMqFaults("NATS", setup);

describe("a consumer of NATS", () => {
  test("whose stream is gone is blocked until it is back", async () => {
    await using t = await MqBench.open(setup);
    const hands = t.open(await t.bind());
    await t.under.removeStream();
    const pulling = (): Promise<unknown> =>
      hands.source.pull({ events: 1, bytes: 1e6, room: () => 1 }, AbortSignal.timeout(1000)).catch(() => {});
    await waitFor("the trigger to be blocked", async () => {
      await pulling();
      return hands.source.blocked === "there is no stream HANZO_MQ";
    });
    await t.under.addStream();
    await waitFor("the trigger to go on", async () => {
      await pulling();
      return hands.source.blocked === undefined;
    });
  });

  test("of a missing stream makes it where that is allowed, as HIP-55 has it", async () => {
    await using server = await startNats();
    await using database = await createTestDatabase();
    await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
    const { eventAttempts } = store;
    const parts = { eventAttempts, clock: systemClock, log: recordingLog() };
    const wish = { name: "c", subject: "mq.a.b", description: "", maxAckPending: 10 };
    const careful = createNatsBroker(parts, { servers: [server.url] });
    await expect(careful.ensure(wish, patient)).rejects.toMatchObject({ code: "unavailable" });
    await careful.close();
    const maker = createNatsBroker(parts, { servers: [server.url], createStream: true });
    expect(await maker.ensure(wish, patient)).toMatchObject({ stream: "HANZO_MQ", created: true });
    await maker.close();
  });

  test("that is adopted gives its limit of deliveries to us, and has none from then on", async () => {
    await using t = await MqBench.open(setup);
    await t.under.addConsumer("workers", "mq.batch.embeddings");
    const bound = await t.bind({ source: "mq.batch.embeddings", consumer_group: "workers" });
    expect(t.triggers.attempts(bound.binding)).toBe(7);
    const again = await t.bind({ source: "mq.batch.embeddings", consumer_group: "workers" });
    expect(t.triggers.attempts(again.binding)).toBe(7);
    const fresh = await t.bind({ source: "mq.batch.images" }, "g");
    expect(t.triggers.attempts(fresh.binding)).toBe(3);
  });

  test("with a way of its own that cannot be changed is a conflict", async () => {
    await using server = await startNats();
    await using connection = await connect({ servers: server.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: STREAM, subjects: ["mq.>"] });
    const filter_subject = "mq.a.b";
    await manager.consumers.add(STREAM, { durable_name: "none", ack_policy: "none", filter_subject });
    const pushed = {
      durable_name: "pushed",
      ack_policy: "explicit",
      filter_subject,
      deliver_subject: "x",
    } as const;
    await manager.consumers.add(STREAM, pushed);
    await using database = await createTestDatabase();
    await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
    const { eventAttempts } = store;
    const broker = createNatsBroker(
      { eventAttempts, clock: systemClock, log: recordingLog() },
      { servers: [server.url] },
    );
    const ensure = (name: string) =>
      broker.ensure({ name, subject: filter_subject, description: "", maxAckPending: 10 }, patient);
    await expect(ensure("none")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining('acknowledges by "none"') as string,
    });
    await expect(ensure("pushed")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("pushed to") as string,
    });
    await broker.close();
  });

  test("is served with credentials, and says what our user may not do", async () => {
    const config = `authorization { users: [
      { user: admin, password: admin },
      { user: fn, password: fn, permissions: {
        publish: ["mq.>", "$JS.API.CONSUMER.>", "$JS.API.STREAM.INFO.HANZO_MQ", "$JS.API.STREAM.MSG.GET.HANZO_MQ", "$JS.ACK.HANZO_MQ.>"],
        subscribe: ["_INBOX.>"] } },
      { user: poor, password: x, permissions: { publish: ["mq.>"], subscribe: ["_INBOX.>"] } }
    ] }`;
    await using server = await startNats({ config });
    await using admin = await connect({ servers: server.url, user: "admin", pass: "admin" });
    await (
      await jetstreamManager(admin)
    ).streams.add({ name: STREAM, subjects: ["mq.>"], retention: "workqueue" });
    const open =
      (user: string, password: string): SetupMq =>
      async () => ({
        connect: ({ eventAttempts }) =>
          createNatsBroker(
            { eventAttempts, clock: systemClock, log: recordingLog() },
            { servers: [server.url], user, password },
          ),
        addConsumer: () => Promise.resolve(),
        removeConsumer: () => Promise.resolve(),
        hasConsumer: () => Promise.resolve(true),
        removeStream: () => Promise.resolve(),
        addStream: () => Promise.resolve(),
        crash: () => Promise.resolve(),
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    {
      await using t = await MqBench.open(open("fn", "fn"));
      const bound = await t.bind();
      await t.publish("mq.orders.created", '"1"');
      const hands = t.open(bound);
      expect((await t.lag(bound)).items).toBe(1);
      await hands.settle(...(await hands.take(1)).map(ack));
      await t.quiet(bound);
    }
    await using poor = await MqBench.open(open("poor", "x"));
    await expect(poor.bind()).rejects.toMatchObject({
      code: "unavailable",
      next: expect.stringContaining("$JS.API.CONSUMER.>") as string,
    });
    await using wrong = await MqBench.open(open("fn", "wrong"));
    await expect(wrong.bind()).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("credentials") as string,
    });
  });
});

/** Publishes from a thread of its own, when it is told to: while this one stands still. */
const PUBLISHER = `
  const { workerData, parentPort } = require("node:worker_threads");
  const { connect } = require(workerData.transport);
  const { jetstream } = require(workerData.jetstream);
  void (async () => {
    const connection = await connect({ servers: workerData.url });
    const go = new Int32Array(workerData.go);
    parentPort.postMessage("ready");
    Atomics.wait(go, 0, 0);
    await jetstream(connection).publish("mq.orders.created", '"stale"');
    Atomics.store(go, 1, 1);
    Atomics.notify(go, 1);
    await connection.close();
  })();
`;

test("the lags of many consumers of NATS take a few requests", async () => {
  let url = "";
  await using t = await MqBench.open(async (around) => {
    const under = await setup(around);
    url = under.url;
    return under;
  });
  const wishes = Array.from({ length: 20 }, (_, n) => wish({ source: `mq.q${n}`, consumer_group: `c-${n}` }));
  const bound = await t.deploy("f", wishes);
  await using admin = await connect({ servers: url });
  const requests: string[] = [];
  admin.subscribe("$JS.API.>", { callback: (_, { subject }) => void requests.push(subject) });
  await admin.flush();
  expect((await t.lags(bound)).size).toBe(20);
  await admin.flush();
  expect(requests).toEqual([`$JS.API.CONSUMER.LIST.${STREAM}`]);
});

describe("events of NATS", () => {
  test("that were given to others while this process stood still are not handed out", async () => {
    let url = "";
    const remember = async (around: MqSurroundings): Promise<NatsUnderTest> => {
      const under = await setup(around);
      url = under.url;
      return under;
    };
    await using t = await MqBench.open(remember, "workqueue", SHORT_ACK_WAIT_MS);
    const bound = await t.bind();
    const hands = t.open(bound);
    const waiting = hands.pull();
    const go = new SharedArrayBuffer(8);
    const { resolve } = createRequire(import.meta.url);
    const workerData = {
      url,
      go,
      transport: resolve("@nats-io/transport-node"),
      jetstream: resolve("@nats-io/jetstream"),
    };
    const worker = new Worker(PUBLISHER, { eval: true, workerData });
    const gone = once(worker, "exit");
    await once(worker, "message");
    // The request is out once somebody asked the server afterwards.
    await t.lag(bound);
    const flags = new Int32Array(go);
    Atomics.store(flags, 0, 1);
    Atomics.notify(flags, 0);
    Atomics.wait(flags, 1, 0);
    Atomics.wait(flags, 0, 1, 2 * SHORT_ACK_WAIT_MS);
    const [event] = await waiting;
    expect(textOf(event!)).toBe('"stale"');
    // The copy that waited in the socket was somebody else's by then; this is another one, and ours.
    await using admin = await connect({ servers: url });
    const { delivered } = await (await jetstreamManager(admin)).consumers.info(STREAM, "fn-f");
    expect(delivered.consumer_seq).toBe(2);
    await hands.source.extend([event!], patient);
    expect(hands.revoked).toEqual([]);
    await hands.settle(ack(event!));
    await t.publish("mq.orders.created", '"next"');
    expect((await hands.take(1)).map(textOf)).toEqual(['"next"']);
    await gone;
  });

  test("behind a network that fell silent go to another replica, and the first one hears of it", async () => {
    await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
    await using proxy = await startCutProxy(Number(new URL((t.under as NatsUnderTest).url).port));
    const bound = await t.bind();
    const { eventAttempts } = t.store;
    const behind = createNatsBroker(
      { eventAttempts, clock: systemClock, log: recordingLog() },
      { servers: [`nats://127.0.0.1:${proxy.port}`], ackWaitMs: SHORT_ACK_WAIT_MS },
    );
    const cut = t.open(bound, t.triggersOf(behind));
    await t.publish("mq.orders.created", '"1"');
    const [event] = await cut.take(1);
    proxy.silence();
    const [again] = await t.open(bound).take(1);
    expect(again!.id).toBe(event!.id);
    await waitFor("the loss to be noticed", async () => {
      await cut.source.extend([event!], patient).catch(() => {});
      return cut.revoked.includes(event!);
    });
    proxy.restore();
    await t.open(bound).settle(ack(again!));
    await t.publish("mq.orders.created", '"2"');
    const next = await waitFor("events over the new connection", () => cut.take(1).catch(() => undefined), {
      timeoutMs: 60_000,
    });
    expect(next.map(textOf)).toEqual(['"2"']);
    await cut.source.close();
    await behind.close();
  });

  test("that somebody else ended raise an alarm", async () => {
    await using server = await startNats();
    await using connection = await connect({ servers: server.url });
    const manager = await jetstreamManager(connection);
    await manager.streams.add({ name: STREAM, subjects: ["mq.>"] });
    await using database = await createTestDatabase();
    await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
    const { eventAttempts } = store;
    const log = recordingLog();
    const broker = createNatsBroker({ eventAttempts, clock: systemClock, log }, { servers: [server.url] });
    const consumer = await broker.ensure(
      { name: "c", subject: "mq.a.b", description: "", maxAckPending: 10 },
      patient,
    );
    const never = (): Promise<never> => Promise.reject(new Error("not asked"));
    const options = { triggerId: "trg_1", maxAckPending: 10, ordered: false, description: "" };
    const source = broker.open(consumer, { ...options, current: never, onChanged: never });
    const publish = (id: string) =>
      broker.publisher.publish({ target: "mq.a.b", id, headers: {}, body: Buffer.from(`"${id}"`) }, patient);
    await publish("ours");
    const [ours] = await source.pull({ events: 1, bytes: 1e6, room: () => 1 }, patient);
    await source.settle([{ kind: "park", event: ours!, counted: true, failure: { error: "boom" } }], patient);
    // Of a consumer that is nobody's here there is no alarm.
    const other = { durable_name: "other", ack_policy: "explicit", filter_subject: "mq.a.b" } as const;
    await manager.consumers.add(STREAM, other);
    (await (await jetstream(connection).consumers.get(STREAM, "other")).next())?.term("not ours");
    await publish("theirs");
    const theirs = await (await jetstream(connection).consumers.get(STREAM, "c")).next();
    theirs?.term("by hand");
    const alarm = await waitFor("the alarm", () => log.lines.find(({ level }) => level === "warn"));
    expect(alarm.fields).toMatchObject({ stream: STREAM, consumer: "c", sequence: 2, reason: "by hand" });
    await source.close();
    await broker.close();
  });
});
