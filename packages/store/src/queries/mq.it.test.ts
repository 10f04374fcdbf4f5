import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { openStore, type MqBacklog, type MqConsumerRow, type NewMqStream, type Store } from "../index.ts";
import { testStore, type TestStore } from "../test-setup.ts";

const STREAM: NewMqStream = {
  name: "S",
  subjects: ["mq.>"],
  retention: "workqueue",
  maxAgeMs: 60_000,
  maxMessages: 10,
  maxBytes: 1000,
  maxMessageBytes: 1000,
  duplicateWindowMs: 5000,
};
const LEASE = { events: 100, bytes: 1_000_000, leaseMs: 10_000 };

interface Bench extends TestStore {
  readonly mq: Store["mq"];
  /** The database's clock stands still but for this. */
  pass(ms: number): Promise<void>;
  publish(subject: string, ...ids: readonly string[]): Promise<number[]>;
  consumer(name: string, more?: Partial<MqConsumerRow>): Promise<MqConsumerRow>;
  /** Of the consumer c. */
  backlog(): Promise<MqBacklog | undefined>;
}

async function bench(change: Partial<NewMqStream> = {}): Promise<Bench> {
  const t = await testStore();
  const { mq } = t.store;
  await t.database.run("create table test_clock (at timestamptz not null)");
  await t.database.run("insert into test_clock values ('2026-01-02T03:04:05Z')");
  await t.database.run(
    "create or replace function queue_now() returns timestamptz language sql stable as 'select at from test_clock'",
  );
  const { id: streamId } = await mq.ensureStream({ ...STREAM, ...change });
  return {
    ...t,
    mq,
    pass: (ms) => t.database.run(`update test_clock set at = at + ${ms} * interval '1 millisecond'`),
    async publish(subject, ...ids) {
      const body = Buffer.alloc(100);
      const kept = await mq.publish(
        "S",
        ids.map((id) => ({ subject, id, headers: { a: id }, body })),
      );
      return kept.map(({ seq }) => seq);
    },
    consumer: (name, more) =>
      mq.addConsumer({
        streamId,
        name,
        description: "",
        subject: "mq.a",
        pattern: null,
        maxAckPending: 100,
        position: 0,
        ...more,
      }),
    backlog: async () => (await mq.backlogs([{ stream: "S", name: "c" }]))[0],
  };
}

describe("publications", () => {
  test("are numbered without gaps, whoever makes them, and each id once", async () => {
    await using t = await bench({ maxMessages: 1000 });
    await using other = await openStore({ database: t.database, log: recordingLog(), clock: systemClock });
    const message = (id: string) => ({ subject: "mq.a", id, headers: {}, body: Buffer.from(id) });
    const batches = Array.from({ length: 20 }, (_, i) => [
      message(`${i}`),
      message("same"),
      message(`x${i}`),
    ]);
    const kept = await Promise.all(
      batches.map((batch, i) => (i % 2 === 0 ? t.mq : other.mq).publish("S", batch)),
    );
    const fresh = kept.flat().filter(({ duplicate }) => !duplicate);
    expect(fresh.map(({ seq }) => seq).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 41 }, (_, i) => i + 1),
    );
    const same = new Set(kept.map(([, second]) => second?.seq));
    expect(same.size).toBe(1);
  });

  test("of an id are dropped within the window and kept after it", async () => {
    await using t = await bench();
    expect(await t.publish("mq.a", "1", "2", "1")).toEqual([1, 2, 1]);
    await t.pass(4999);
    expect(await t.publish("mq.a", "2")).toEqual([2]);
    await t.pass(2);
    expect(await t.publish("mq.a", "1", "1")).toEqual([3, 3]);
    await t.mq.sweep(100);
    expect(await t.publish("mq.a", "1")).toEqual([3]);
  });

  test("to a stream that is not there are refused", async () => {
    await using t = await bench();
    const message = { subject: "mq.a", id: "1", headers: {}, body: Buffer.alloc(0) };
    await expect(t.mq.publish("T", [message])).rejects.toMatchObject({ code: "unavailable" });
    expect(await t.mq.publish("T", [])).toEqual([]);
  });

  test("with headers that PostgreSQL refuses do not take others with them", async () => {
    await using t = await bench();
    const message = (id: string, value: string) => ({
      subject: "mq.a",
      id,
      headers: { h: value },
      body: Buffer.alloc(0),
    });
    await t.mq.publish("S", [message("1", "\ud800"), message("2", "fine")]);
    const { id } = await t.consumer("c");
    expect((await t.mq.pull(id, LEASE)).map(({ headers }) => headers)).toEqual([
      { h: "\ufffd" },
      { h: "fine" },
    ]);
  });
});

describe("a consumer", () => {
  test("gets what is out again when its time is over, and fences whoever had it", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2");
    const first = await t.mq.pull(id, LEASE);
    const held = first.map(({ seq, deliveries }) => ({ consumerId: id, seq, deliveries }));
    expect(first.map(({ seq, deliveries }) => [seq, deliveries])).toEqual([
      [1, 1],
      [2, 1],
    ]);
    await t.pass(9000);
    expect(await t.mq.extend(held.slice(0, 1), 10_000)).toEqual([true]);
    expect(await t.mq.pull(id, LEASE)).toEqual([]);
    await t.pass(1000);
    expect((await t.mq.pull(id, LEASE)).map(({ seq, deliveries }) => [seq, deliveries])).toEqual([[2, 2]]);
    expect(await t.mq.extend(held, 10_000)).toEqual([true, false]);
    const settled = (verb: "park" | "retry" | "ack") => t.mq.settle([{ ...held[1]!, verb, delayMs: 0 }]);
    await settled("park");
    await settled("retry");
    expect(await t.backlog()).toMatchObject({ items: 2 });
    await settled("ack");
    expect(await t.backlog()).toMatchObject({ items: 1, position: 0 });
  });

  test("gets what is out at once where whoever had it is known to be gone", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2");
    expect(await t.mq.pull(id, LEASE)).toHaveLength(2);
    expect(await t.mq.pull(id, LEASE)).toEqual([]);
    expect(await t.mq.endLeases()).toBe(2);
    expect((await t.mq.pull(id, LEASE)).map(({ deliveries }) => deliveries)).toEqual([2, 2]);
  });

  test("has no more out than it may", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c", { maxAckPending: 2 });
    await t.publish("mq.a", "1", "2", "3");
    const out = await t.mq.pull(id, LEASE);
    expect(out.map(({ seq }) => seq)).toEqual([1, 2]);
    expect(await t.mq.pull(id, LEASE)).toEqual([]);
    await t.mq.settle([{ consumerId: id, seq: 2, deliveries: 1, verb: "retry", delayMs: 5000 }]);
    expect(await t.mq.pull(id, LEASE)).toEqual([]);
    await t.mq.settle([{ consumerId: id, seq: 1, deliveries: 1, verb: "ack", delayMs: 0 }]);
    expect((await t.mq.pull(id, LEASE)).map(({ seq }) => seq)).toEqual([3]);
  });

  test("gets bytes up to the limit, and one message at least, redeliveries included", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2", "3", "4");
    const pull = async (bytes: number) => (await t.mq.pull(id, { ...LEASE, bytes })).map(({ seq }) => seq);
    expect(await pull(1)).toEqual([1]);
    expect(await pull(150)).toEqual([2, 3]);
    await t.pass(10_000);
    expect(await pull(250)).toEqual([1, 2, 3]);
    expect(await pull(250)).toEqual([4]);
  });

  test("passes over what is not for it, and is ready only for what is", async () => {
    await using t = await bench();
    const one = await t.consumer("one");
    const all = await t.consumer("all", { subject: "mq.*", pattern: String.raw`^mq\.[^.]+$` });
    await t.publish("mq.b.c", "1", "2");
    expect(await t.mq.ready([one.id, all.id])).toEqual([]);
    const positions = async () => (await t.mq.consumersOf(one.streamId)).map(({ position }) => position);
    expect(await positions()).toEqual([2, 2]);
    await t.publish("mq.b", "3");
    expect(await t.mq.ready([one.id, all.id])).toEqual([all.id]);
    expect((await t.mq.pull(all.id, LEASE)).map(({ seq }) => seq)).toEqual([3]);
    expect(await t.mq.ready([one.id, all.id])).toEqual([]);
    await t.pass(10_000);
    expect(await t.mq.ready([one.id, all.id])).toEqual([all.id]);
    expect(await t.mq.ready([])).toEqual([]);
  });

  test("that is gone says so, and what was out of it is forgotten", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1");
    await t.mq.pull(id, LEASE);
    await t.mq.removeConsumer("S", "c");
    await expect(t.mq.pull(id, LEASE)).rejects.toMatchObject({ code: "not_found" });
    expect(await t.backlog()).toBeUndefined();
    expect(await t.mq.extend([{ consumerId: id, seq: 1, deliveries: 1 }], 1000)).toEqual([false]);
    const again = await t.consumer("c");
    expect((await t.mq.pull(again.id, LEASE)).map(({ seq }) => seq)).toEqual([1]);
  });

  test("is pulled, extended and settled by several at once without a deadlock, and nothing is given twice", async () => {
    await using t = await bench({ maxMessages: 10_000, maxBytes: 10_000_000 });
    await using other = await openStore({ database: t.database, log: recordingLog(), clock: systemClock });
    const { id } = await t.consumer("c", { maxAckPending: 10_000 });
    const ids = Array.from({ length: 600 }, (_, i) => `${i}`);
    await t.publish("mq.a", ...ids);
    const seen: number[] = [];
    const work = async ({ mq }: Store): Promise<void> => {
      for (;;) {
        const rows = await mq.pull(id, { ...LEASE, events: 7 });
        if (rows.length === 0) return;
        seen.push(...rows.map(({ seq }) => seq));
        const held = rows.map(({ seq, deliveries }) => ({ consumerId: id, seq, deliveries }));
        const settling = mq.settle(held.toReversed().map((one) => ({ ...one, verb: "ack", delayMs: 0 })));
        await Promise.all([mq.extend(held, 10_000), settling]);
      }
    };
    await Promise.all([t.store, other, t.store, other].map(work));
    expect(seen.sort((a, b) => a - b)).toEqual(ids.map((_, i) => i + 1));
    expect(await t.backlog()).toMatchObject({ items: 0, oldestAt: null });
  });
});

describe("a sweep", () => {
  test("ends messages that are too old, and what is out of them", async () => {
    await using t = await bench();
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2");
    await t.mq.pull(id, { ...LEASE, events: 1 });
    await t.pass(60_001);
    await t.publish("mq.a", "3");
    expect(await t.mq.sweep(100)).toEqual([{ stream: "S", messages: 2, pending: 1, isFull: false }]);
    expect((await t.mq.pull(id, LEASE)).map(({ seq }) => seq)).toEqual([3]);
  });

  test.each([
    ["messages", { maxMessages: 3 }],
    ["bytes", { maxBytes: 250 }],
  ])("closes a work queue that is full of %s, and opens it when there is room", async (_, change) => {
    await using t = await bench(change);
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2", "3");
    expect(await t.mq.sweep(100)).toMatchObject([{ messages: 0, isFull: true }]);
    await expect(t.publish("mq.a", "4")).rejects.toMatchObject({ code: "storage_full" });
    const [first] = await t.mq.pull(id, { ...LEASE, events: 1 });
    await t.mq.settle([{ consumerId: id, seq: first!.seq, deliveries: 1, verb: "ack", delayMs: 0 }]);
    expect(await t.mq.sweep(100)).toMatchObject([{ isFull: false }]);
    expect(await t.publish("mq.a", "4")).toEqual([4]);
  });

  test.each([
    ["messages", { maxMessages: 3 }],
    ["bytes", { maxBytes: 300 }],
  ])("drops the oldest of a stream that keeps what is done and has too many %s", async (_, change) => {
    await using t = await bench({ ...change, retention: "limits" });
    const { id } = await t.consumer("c");
    await t.publish("mq.a", "1", "2", "3", "4", "5");
    expect(await t.mq.sweep(100)).toMatchObject([{ messages: 2, isFull: false }]);
    const rows = await t.mq.pull(id, LEASE);
    expect(rows.map(({ seq }) => seq)).toEqual([3, 4, 5]);
    await t.mq.settle(
      rows.map(({ seq, deliveries }) => ({ consumerId: id, seq, deliveries, verb: "ack", delayMs: 0 })),
    );
    const again = await t.consumer("again");
    expect(await t.mq.pull(again.id, LEASE)).toHaveLength(3);
  });
});
