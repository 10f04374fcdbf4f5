import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { createTestDatabase, recordingLog } from "@hanzo-fn/testkit";
import { ulid, type StreamTrigger } from "@hanzo-fn/contract";
import { expect, test } from "vitest";
import type { DeadLetter, SourceEvent } from "../delivery/index.ts";
import type { LetterToRedrive } from "../manager/redrive.ts";
import { createEmbeddedStreamBroker } from "./embedded/embedded-broker.ts";
import { createEmbeddedPublisher } from "./embedded/embedded-publisher.ts";
import { createStreamKind } from "./kind.ts";

const signal = new AbortController().signal;
const SPEC: StreamTrigger = {
  type: "stream",
  topic: "orders",
  batchSize: 10,
  maxBatchWaitMs: 10,
  retry: { on4xx: "retry", backoff: { initialMs: 1, maxMs: 1, multiplier: 1 } },
  partialResponse: false,
  maxEventAgeMs: 60_000,
  startOffset: "latest",
  ordering: "partition",
};

/** One function with one stream trigger, on the platform's own database. */
async function setUp() {
  const database = await createTestDatabase();
  const store = await openStore({ database, log: recordingLog(), clock: systemClock });
  const scaling = { minInstances: 0, maxInstances: 1, targetConcurrency: 1, scaleDownDelayMs: 1000 };
  const fn = {
    name: "f",
    manifest: {},
    description: "",
    scaling,
    network: {},
    trafficMode: "latest" as const,
  };
  await store.functions.insert({ ...fn, org: "acme" }, new Date());
  const wanted = [{ type: "stream", key: "orders fn-f", spec: {} }];
  const [row] = await store.triggers.replace(
    "acme",
    "f",
    wanted,
    () => `trg_${ulid(Date.now())}`,
    new Date(),
  );
  const publisher = createEmbeddedPublisher({ log: store.streamLog });
  const kind = createStreamKind({
    broker: createEmbeddedStreamBroker({ store, clock: systemClock, log: silentLogger }),
    publisher,
    store,
    clock: systemClock,
    log: silentLogger,
    groupPrefix: "fn-",
    hasOthers: async (org) => (await store.functions.organisations()).some((one) => one !== org),
    seesAll: () => false,
    observer: () => ({ lost() {}, revoked() {} }),
  });
  const publish = (target: string, text: string) =>
    publisher.publish(
      { target, id: ulid(Date.now()), headers: {}, body: Buffer.from(text), key: "k" },
      signal,
    );
  return {
    ...{ store, kind, publish, publisher, fn },
    trigger: { id: row!.id, org: "acme", function: "f", spec: SPEC },
    async [Symbol.asyncDispose]() {
      await publisher.close();
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

const credit = { events: 10, bytes: 1e6, room: () => 10 };

test("a stream trigger is opened as its group, has a lag, and goes with the group that was made for it", async () => {
  await using t = await setUp();
  const { kind, trigger, store } = t;
  await t.publish("orders", '"before"');
  const source = await kind.open(trigger, signal);
  await t.publish("orders", '{"org_id":"other"}');
  const { place } = await t.publish("orders", '{"org_id":"org_acme"}');
  const events = await source.pull(credit, signal);
  expect(events.map(({ body }) => body.toString())).toEqual(['{"org_id":"org_acme"}']);
  expect(events[0]?.id).toBe(`log:${place.replace("/", ":").replace("@", ":")}`);
  expect((await kind.lag([trigger], signal)).get(trigger.id)?.items).toBe(2);
  await kind.close?.(trigger);
  // A second organisation does not rename what is in use.
  await store.functions.insert({ ...t.fn, org: "globex" }, new Date());
  expect(await store.streamOffsets.groupOf(trigger.id)).toEqual({
    group: "fn-f",
    topic: "orders",
    created: true,
  });
  const again = await kind.open(trigger, signal);
  expect((await again.pull(credit, signal)).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
  await kind.close?.(trigger);
  await kind.remove(trigger, signal);
  expect(await store.streamGroups.positions({ group: "fn-f", topic: "orders" })).toEqual([]);
});

test("a group that somebody else made stays when the trigger goes", async () => {
  await using t = await setUp();
  const { kind, trigger, store } = t;
  await t.publish("orders", "1");
  await store.streamGroups.ensure({ group: "fn-f", topic: "orders" }, [{ partition: 0, nextOffset: 0 }]);
  await kind.open(trigger, signal);
  await kind.close?.(trigger);
  await kind.remove(trigger, signal);
  expect(await store.streamGroups.positions({ group: "fn-f", topic: "orders" })).not.toEqual([]);
});

test("a parked event goes to the topic of dead letters, and back into its own as a new one, once", async () => {
  await using t = await setUp();
  const { kind, trigger, store } = t;
  const event: SourceEvent = {
    id: "log:orders:0:7",
    body: Buffer.from('{"a":1}'),
    json: true,
    headers: {},
    attempt: 5,
    ageMs: 0,
    partition: "0",
    source: "orders",
  };
  const letter: DeadLetter = {
    event,
    reason: "attempts",
    failure: { status: 500, error: "no\nway" },
    attempts: 5,
    firstFailedAtMs: 0,
    lastFailedAtMs: 1,
  };
  await kind.publishParked?.(trigger, letter, signal);
  const places = [0, 1, 2, 3].map((partition) => ({ partition, offset: 0 }));
  const [parked] = await store.streamLog.read("dead_letter", places, { records: 1, bytes: 1 });
  expect(parked).toMatchObject({
    key: Buffer.from("orders"),
    value: event.body,
    headers: { error: "no way", attempts: "5", function: "f", id: event.id },
  });
  await store.deadLetters.keep({
    ...{ id: "dl_1", org: "acme", function: "f", triggerId: trigger.id, eventId: event.id, source: "orders" },
    ...{ payload: event.body, json: true, headers: {}, reason: "attempts", attempts: 5, error: "no" },
    firstFailedAt: new Date(0),
    lastFailedAt: new Date(1),
  });
  const row = async (): Promise<LetterToRedrive> => {
    const [found] = await store.deadLetters.list({ filter: { org: "acme" }, limit: 1 });
    return { ...found!, payload: event.body };
  };
  // What no topic takes is said, and does not count as redriven.
  const tooLong = { ...(await row()), payload: Buffer.alloc(2_000_000) };
  await expect(kind.redrive(trigger, tooLong)).rejects.toMatchObject({ code: "payload_too_large" });
  const id = await kind.redrive(trigger, await row());
  expect(id).toMatch(/^log:orders:\d+:0$/);
  const [record] = await store.streamLog.read("orders", places, { records: 1, bytes: 1 });
  expect(record).toMatchObject({ value: event.body, headers: { "redrive-of": "dl_1" } });
  await expect(kind.redrive(trigger, await row())).rejects.toMatchObject({ code: "conflict" });
});

test("messages that are published at once are appended together, and the order of a key is theirs", async () => {
  await using t = await setUp();
  const texts = Array.from({ length: 50 }, (_, i) => `${i}`);
  const published = await Promise.all(texts.map((text) => t.publish("many", text)));
  const offsets = published.map(({ place }) => Number(place.split("@")[1]));
  expect(offsets).toEqual(texts.map((_, i) => i));
  await expect(t.publish("a b", "x")).rejects.toMatchObject({ code: "bad_request" });
  await expect(t.publish("many", "x".repeat(2_000_000))).rejects.toMatchObject({ code: "payload_too_large" });
  await t.publisher.close();
  await expect(t.publish("many", "x")).rejects.toMatchObject({ code: "unavailable" });
});
