import { REDRIVE_OF, triggerKey, ulid } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import { recordingLog, waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import type { TriggerKind } from "../manager/kind.ts";
import { deployCron, type FakeFunction, type SeenCall, testTriggers } from "../test-setup.ts";
import { mqTrigger, patient, STREAM } from "./conformance-bench.ts";
import { createEmbeddedMqBroker } from "./embedded/broker.ts";
import { createMqKind } from "./kind.ts";
import { createMqTriggers } from "./triggers.ts";

const quick = { retry: { attempts: 2, backoff: { initial: "5ms", max: "10ms" } } };

/** A platform whose function `f` has one trigger on a queue. */
async function platform(answer: FakeFunction, fields: Record<string, unknown> = {}) {
  const stack = new AsyncDisposableStack();
  const t = stack.use(await testTriggers());
  const { store } = t;
  const log = recordingLog();
  const broker = createEmbeddedMqBroker({ store, clock: systemClock, log });
  stack.defer(() => broker.close());
  const triggers = createMqTriggers({
    store,
    broker,
    stream: STREAM,
    hasOthers: () => Promise.resolve(false),
    log,
  });
  const kind = createMqKind({ triggers, broker, store, clock: systemClock, log });
  const trigger = mqTrigger({ source: "mq.orders.created", ...quick, ...fields });
  await deployCron(store, "f", []);
  const deploy = async (wanted: readonly (typeof trigger)[]): Promise<string[]> => {
    const record = await kind.prepare?.("acme", "f", wanted, patient);
    return store.withTransaction(async (tx) => {
      const rows = wanted.map((spec) => {
        return { type: "mq", key: triggerKey(spec, "f"), spec: { ...spec } as never };
      });
      const written = await tx.triggers.replace("acme", "f", rows, () => `trg_${ulid()}`, new Date());
      await record?.(tx, written);
      await tx.notifyChange("acme", "f");
      return written.map(({ id }) => id);
    });
  };
  const [id] = await deploy([trigger]);
  const calls: SeenCall[] = [];
  const replica = await t.replica(
    (call, signal) => {
      calls.push(call);
      return answer(call, signal);
    },
    { kinds: [kind as unknown as TriggerKind] },
  );
  const publish = (subject: string, text: string, headers: Record<string, string> = {}) =>
    broker.publisher.publish({ target: subject, id: `${text}`, headers, body: Buffer.from(text) }, patient);
  return {
    t,
    store,
    calls,
    replica,
    publish,
    deploy,
    id: id ?? "",
    trigger,
    dispose: () => stack.disposeAsync(),
  };
}

const theRow = async (store: Store, id: string) =>
  (await store.triggers.get("acme", id)) ?? expect.unreachable("the trigger is there");

describe("a trigger on a queue", () => {
  test("calls its function for each message, and tells of its lag", async () => {
    const p = await platform(() => ({ status: 200 }));
    await p.publish("mq.orders.created", '{"n":1}', { "x-note": "hi" });
    await waitFor("the call", () => p.calls.length === 1);
    expect(p.calls[0]).toMatchObject({
      function: "f",
      triggerId: p.id,
      body: '{"n":1}',
      attempt: 1,
      key: "mq:HANZO_MQ:1",
      headers: { "x-note": "hi", "content-type": "application/json" },
    });
    const lag = await waitFor("no lag", async () => {
      const found = await p.replica.manager.lag(await theRow(p.store, p.id));
      return found?.items === 0 && found;
    });
    expect(lag).toEqual({ items: 0, seconds: 0 });
    await p.dispose();
  });

  test("parks what fails, in the queue of dead letters too, and redrives it once", async () => {
    let isBroken = true;
    const p = await platform(({ body }) => ({ status: isBroken && body.includes("poison") ? 500 : 200 }));
    const envelope = { schema: "hanzo.mq.v1", id: "task_1", type: "orders.created", source: "fn/shop" };
    await p.publish("mq.orders.created", JSON.stringify({ ...envelope, data: "poison" }));
    const [letter] = await waitFor("the dead letter", async () => {
      const found = await p.store.deadLetters.list({ filter: { org: "acme" }, limit: 10 });
      return found[0]?.publishedAt != null && found;
    });
    expect(letter).toMatchObject({ eventId: "mq:HANZO_MQ:1", attempts: 2, reason: "attempts", status: 500 });
    const queue = await p.store.mq.stream(STREAM);
    const reader = {
      streamId: queue!.id,
      name: "reader",
      subject: "mq.dlq.mq.orders.created",
      description: "",
    };
    const { id } = await p.store.mq.addConsumer({ ...reader, pattern: null, maxAckPending: 10, position: 0 });
    const [parked] = await p.store.mq.pull(id, { events: 10, bytes: 10_000, leaseMs: 10_000 });
    expect(parked?.headers).toMatchObject({
      "X-Original-Subject": "mq.orders.created",
      "X-Attempts": "2",
      "X-Function-Name": "f",
      "X-Error": expect.any(String) as string,
    });
    expect(JSON.parse(parked!.body.toString())).toMatchObject({ ...envelope, data: "poison" });

    isBroken = false;
    const eventId = await p.replica.manager.redrive(letter!);
    expect(eventId).not.toBe(letter!.eventId);
    const again = await waitFor("the new event", () => p.calls.find(({ key }) => key === eventId));
    expect(again).toMatchObject({ body: '"poison"', attempt: 1, headers: { [REDRIVE_OF]: letter!.id } });
    const [row] = await p.store.deadLetters.list({ filter: { org: "acme" }, limit: 10 });
    await expect(p.replica.manager.redrive(row!)).rejects.toMatchObject({ code: "conflict" });
    await expect(p.replica.manager.redrive(letter!)).rejects.toMatchObject({ code: "conflict" });
    await p.dispose();
  });

  test("redrives a long payload whole, and says of one that is gone that it is, beside a neighbour", async () => {
    let isBroken = true;
    const p = await platform(() => ({ status: isBroken ? 500 : 200 }));
    const { manager } = p.replica;
    const texts = ["a", "b"].map((letter) => JSON.stringify(letter.repeat(400_000)));
    const [kept, lost] = texts as [string, string];
    const broker = createEmbeddedMqBroker({ store: p.store, clock: systemClock, log: recordingLog() });
    for (const [n, text] of texts.entries()) {
      const message = { target: "mq.orders.created", id: `long-${n}`, headers: {}, body: Buffer.from(text) };
      await broker.publisher.publish(message, patient);
    }
    await broker.close();
    const lettersOf = () => p.store.deadLetters.list({ filter: { org: "acme" }, limit: 10 });
    const found = await waitFor("the dead letters", async () => {
      const letters = await lettersOf();
      return letters.length === 2 && letters.every(({ publishedAt }) => publishedAt !== null) && letters;
    });
    expect(found.map(({ payload }) => payload)).toEqual([null, null]);
    const one = (text: string) =>
      found.find(({ eventId }) => p.calls.find(({ key }) => key === eventId)!.body === text)!;
    await p.t.blobs.delete(one(lost).payloadRef!);

    isBroken = false;
    await expect(manager.redrive(one(lost))).rejects.toMatchObject({
      code: "conflict",
      message: `dead letter ${one(lost).id} cannot be redriven: its payload is not in the blob store`,
    });
    expect((await lettersOf()).find(({ id }) => id === one(lost).id)).toEqual(one(lost));
    const eventId = await manager.redrive(one(kept));
    const again = await waitFor("the new event", () => p.calls.find(({ key }) => key === eventId));
    expect(again).toMatchObject({ attempt: 1, headers: { [REDRIVE_OF]: one(kept).id } });
    expect(again.body === kept).toBe(true);
    await waitFor("both letters as they are", async () => {
      const marked = (await lettersOf()).filter(({ redrivenAs }) => redrivenAs !== null);
      return marked.length === 1 && marked[0]!.redrivenAs === eventId;
    });
    await p.dispose();
  });

  test("that is deployed no more goes with its consumer", async () => {
    const p = await platform(() => ({ status: 200 }));
    const { id: stream } = (await p.store.mq.stream(STREAM))!;
    expect(await p.store.mq.consumersOf(stream)).toHaveLength(1);
    await p.deploy([]);
    await waitFor("the trigger to go", async () => (await p.store.triggers.get("acme", p.id)) === undefined);
    expect(await p.store.mq.consumersOf(stream)).toEqual([]);
    expect(await p.store.mqBindings.of("acme", "f")).toEqual([]);
    await p.dispose();
  });

  test("that another one replaces hands its consumer on, and what waits in it", async () => {
    const p = await platform(() => ({ status: 200 }), { consumer_group: "one" });
    await p.deploy([mqTrigger({ source: "mq.orders.created", consumer_group: "two", ...quick })]);
    await p.publish("mq.orders.created", "1");
    await waitFor("the call of the new trigger", () =>
      p.calls.some(({ triggerId }) => triggerId !== p.id || true),
    );
    const { id: stream } = (await p.store.mq.stream(STREAM))!;
    await waitFor(
      "the old trigger to go",
      async () => (await p.store.triggers.listOf("acme", "f")).length === 1,
    );
    expect((await p.store.mq.consumersOf(stream)).map(({ name }) => name)).toEqual(["two"]);
    await p.dispose();
  });

  test("whose record of a consumer is missing makes it when it is opened", async () => {
    const p = await platform(() => ({ status: 200 }));
    const [binding] = await p.store.mqBindings.of("acme", "f");
    await p.store.mq.removeConsumer(STREAM, "fn-f");
    await p.store.mqBindings.forget(binding!);
    await p.replica.stop();
    const seen: string[] = [];
    const log = recordingLog();
    const broker = createEmbeddedMqBroker({ store: p.store, clock: systemClock, log });
    const parts = { store: p.store, broker, log };
    const triggers = createMqTriggers({ ...parts, stream: STREAM, hasOthers: () => Promise.resolve(false) });
    const kind = createMqKind({ ...parts, triggers, clock: systemClock });
    await p.t.replica(
      ({ body }) => {
        seen.push(body);
        return { status: 200 };
      },
      { kinds: [kind as unknown as TriggerKind] },
    );
    await p.publish("mq.orders.created", "1");
    await waitFor("the call", () => seen.length === 1);
    expect(await p.store.mqBindings.of("acme", "f")).toHaveLength(1);
    await p.dispose();
    await broker.close();
  });
});
