import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import type { SourceEvent } from "../delivery/source.ts";
import {
  ack,
  failed,
  MqBench,
  parked,
  patient,
  returned,
  type SetupMq,
  SHORT_ACK_WAIT_MS,
  textOf,
} from "./conformance-bench.ts";

const texts = (count: number, prefix = ""): string[] =>
  Array.from({ length: count }, (_, i) => `"${prefix}${i}"`);
const sorted = (events: readonly SourceEvent[]): string[] => events.map(textOf).toSorted();

/** What the delivery loop can rely on; run by every broker in its own `*.it.test.ts`. */
export function exerciseMqSource(name: string, setup: SetupMq): void {
  describe(`events of ${name}`, () => {
    test("come as they were published, and are gone once they succeeded", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      const before = Date.now();
      await t.publishRaw("mq.orders.created", Buffer.from('{"n":1}'), {
        "X-Note": "hi",
        traceparent: "00-a-b-01",
      });
      const [event] = await hands.take(1);
      expect(event).toMatchObject({
        id: expect.stringMatching(/^mq:HANZO_MQ:\d+$/) as string,
        json: true,
        attempt: 1,
        ageMs: 0,
        partition: "",
        key: "mq.orders.created",
        source: "mq.orders.created",
        headers: { "x-note": "hi", traceparent: "00-a-b-01" },
      });
      expect(textOf(event!)).toBe('{"n":1}');
      const at = Date.parse(event!.timestamp!);
      expect(at).toBeGreaterThan(before - 60_000);
      expect((await t.lag(bound)).items).toBe(1);
      await hands.settle(ack(event!));
      await t.quiet(bound);
    });

    test("come out of their envelope", async () => {
      await using t = await MqBench.open(setup);
      const hands = t.open(await t.bind());
      const envelope = {
        schema: "hanzo.mq.v1",
        id: "task_1",
        type: "orders.created",
        source: "fn/shop",
        timestamp: "2026-01-02T03:04:05.678Z",
        org_id: "acme",
        data: { order: 7 },
      };
      await t.publish("mq.orders.created", JSON.stringify(envelope));
      const [event] = await hands.take(1);
      expect(textOf(event!)).toBe('{"order":7}');
      expect(event).toMatchObject({
        timestamp: envelope.timestamp,
        headers: { "x-mq-id": "task_1", "x-mq-source": "fn/shop", "x-mq-org-id": "acme" },
      });
    });

    test("that are no JSON, or empty, come as their bytes", async () => {
      await using t = await MqBench.open(setup);
      const hands = t.open(await t.bind());
      const bodies = [Buffer.from([0xff, 0, 1]), Buffer.alloc(0)];
      for (const body of bodies) await t.publishRaw("mq.orders.created", body);
      const events = await hands.take(2);
      expect(events.map(({ body }) => body)).toEqual(bodies);
      expect(events.map(({ json }) => json)).toEqual([false, false]);
    });

    test("published while nobody pulls wait for the first who does", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      await t.publish("mq.orders.created", ...texts(30));
      expect(sorted(await t.open(bound).take(30))).toEqual(texts(30).toSorted());
    });

    test("wake who waits for them", async () => {
      await using t = await MqBench.open(setup);
      const hands = t.open(await t.bind());
      const waiting = hands.pull();
      await t.publish("mq.orders.other", '"not for us"');
      await t.publish("mq.orders.created", '"for us"');
      expect((await waiting).map(textOf)).toEqual(['"for us"']);
    });

    test("are never more than there is room for, and a large one comes alone", async () => {
      await using t = await MqBench.open(setup);
      const hands = t.open(await t.bind());
      await t.publish("mq.orders.created", ...texts(20));
      const few = await hands.pull({ events: 7 });
      expect(few.length).toBeGreaterThan(0);
      expect(few.length).toBeLessThanOrEqual(7);
      await hands.settle(...few.map(ack), ...(await hands.take(20 - few.length)).map(ack));
      const large = Buffer.from(`"${"x".repeat(200_000)}"`);
      for (let i = 0; i < 3; i++) await t.publishRaw("mq.orders.created", large);
      const events: SourceEvent[] = [];
      while (events.length < 3) {
        const pulled = await hands.pull({ bytes: 100_000 });
        expect(pulled).toHaveLength(1);
        events.push(...pulled);
      }
      expect(events.every(({ body }) => body.equals(large))).toBe(true);
    });

    test("of a backlog of 1,001 are all delivered to a batch of 1,000", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind({ batch_size: 1000 });
      await t.publish("mq.orders.created", ...texts(1001));
      const hands = t.open(bound);
      const events: SourceEvent[] = [];
      while (events.length < 1001) {
        const pulled = await hands.pull({ events: 1000, room: () => 2000 });
        expect(pulled.length).toBeLessThanOrEqual(1000);
        events.push(...pulled);
      }
      expect(sorted(events)).toEqual(texts(1001).toSorted());
      await hands.settle(...events.map(ack));
      await t.quiet(bound);
    });

    test("go to one of several replicas, each once", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const all = texts(400);
      const got: SourceEvent[] = [];
      const stop = new AbortController();
      const serve = async (hands: ReturnType<MqBench["open"]>): Promise<void> => {
        while (!stop.signal.aborted) {
          const events = await hands.source.pull({ events: 9, bytes: 1e6, room: () => 9 }, stop.signal);
          got.push(...events);
          await hands.settle(...events.map(ack));
        }
      };
      const replicas = [t.open(bound), t.openElsewhere(bound), t.openElsewhere(bound)];
      const serving = Promise.allSettled(replicas.map(serve));
      await t.publish("mq.orders.created", ...all);
      await t.quiet(bound);
      stop.abort();
      await serving;
      expect(sorted(got)).toEqual(all.toSorted());
    });

    test("fall under wildcards as subjects do", async () => {
      await using t = await MqBench.open(setup, "limits");
      const bound = await t.bind({ source: "mq.orders.*" });
      const rest = await t.bind({ source: "mq.orders.>" }, "g");
      for (const subject of ["mq.orders.a", "mq.orders.b.c", "mq.ordersx.a", "mq.orders.d"])
        await t.publish(subject, `"${subject}"`);
      expect((await t.open(bound).take(2)).map(({ source }) => source)).toEqual([
        "mq.orders.a",
        "mq.orders.d",
      ]);
      expect((await t.open(rest).take(3)).map(({ key }) => key)).toEqual([
        "mq.orders.a",
        "mq.orders.b.c",
        "mq.orders.d",
      ]);
    });

    test("of a signal that aborts are not lost", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      const gaveUp = new AbortController();
      const pulling = hands.source.pull({ events: 5, bytes: 1e6, room: () => 5 }, gaveUp.signal);
      gaveUp.abort(new Error("gave up"));
      await expect(pulling).rejects.toThrow("gave up");
      await expect(
        hands.source.pull({ events: 5, bytes: 1e6, room: () => 5 }, gaveUp.signal),
      ).rejects.toThrow("gave up");
      await t.publish("mq.orders.created", ...texts(3));
      expect(sorted(await hands.take(3))).toEqual(texts(3));
    });
  });

  describe(`an event of ${name}`, () => {
    test("that failed comes back after its delay, with its attempts and since when it fails", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"a"');
      const [first] = await hands.take(1);
      const at = performance.now();
      await hands.settle(failed(first!, { delayMs: 300 }));
      const [second] = await hands.take(1);
      expect(performance.now() - at).toBeGreaterThan(280);
      expect(second).toMatchObject({ id: first!.id, attempt: 2, ageMs: expect.any(Number) as number });
      expect(second!.ageMs).toBeGreaterThan(0);
      await hands.settle(failed(second!, { counted: false }));
      const [third] = await hands.take(1);
      expect(third!.attempt).toBe(2);
      await hands.settle(ack(third!));
      await waitFor("its attempts to be forgotten", async () => {
        return (await t.attemptsOf(bound, first!)) === undefined;
      });
    });

    test("that is settled twice, since the first time was not heard, counts once", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"a"');
      const [event] = await hands.take(1);
      const settlement = failed(event!, { delayMs: 100_000 });
      await hands.settle(settlement);
      await hands.settle(settlement);
      expect(await t.attemptsOf(bound, event!)).toBe(1);
    });

    test("that was merely returned comes back at once, as if nothing had been", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"a"');
      const [first] = await hands.take(1);
      await hands.settle(returned(first!));
      const [again] = await t.openElsewhere(bound).take(1);
      expect(again).toMatchObject({ id: first!.id, attempt: 1, ageMs: 0 });
    });

    test("that is held keeps its failed attempts beyond the replica that holds it", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"a"');
      const [event] = await hands.take(1);
      const failure = { error: "boom" };
      await hands.settle({ kind: "hold", event: event!, delayMs: 10, counted: true, failure });
      const [again] = await t.openElsewhere(bound).take(1);
      expect(again).toMatchObject({ id: event!.id, attempt: 2 });
    });

    test("that is parked never comes again, and neither do its attempts", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"poison"', '"good"');
      const events = await hands.take(2);
      const poison = events.find((event) => textOf(event) === '"poison"')!;
      const good = events.find((event) => event !== poison)!;
      await hands.settle(failed(poison));
      const [again] = await hands.take(1);
      await hands.settle(parked(again!), ack(good));
      await t.quiet(bound);
      expect(await t.attemptsOf(bound, poison)).toBeUndefined();
    });

    test("of a replica that died goes to another one, not counted", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind();
      const dead = t.open(bound);
      await t.publish("mq.orders.created", ...texts(5));
      await dead.take(5);
      const again = await t.openElsewhere(bound).take(5);
      expect(sorted(again)).toEqual(texts(5));
      expect(again.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1, 1]);
    });

    test("that is extended is nobody else's for as long", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"held"');
      const [event] = await hands.take(1);
      const other = t.openElsewhere(bound);
      const waiting = other.pull();
      const end = performance.now() + 2 * SHORT_ACK_WAIT_MS;
      const extended = async (): Promise<boolean> => {
        await hands.source.extend([event!], patient);
        return performance.now() > end;
      };
      await waitFor("twice its time", extended, { everyMs: hands.source.extendEveryMs });
      expect(hands.revoked).toEqual([]);
      await hands.settle(ack(event!));
      await t.publish("mq.orders.created", '"next"');
      expect((await waiting).map(textOf)).toEqual(['"next"']);
    });

    test("that was lost is announced, and only its success still counts", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind();
      const late = t.open(bound);
      await t.publish("mq.orders.created", '"a"', '"b"', '"c"');
      const lost = await late.take(3);
      const of = (events: readonly SourceEvent[], text: string) =>
        events.find((one) => textOf(one) === text)!;
      const other = t.openElsewhere(bound);
      const again = await other.take(3);
      await late.settle(failed(of(lost, '"a"')), parked(of(lost, '"b"')), ack(of(lost, '"c"')));
      const left = [of(again, '"a"'), of(again, '"b"')];
      await waitFor("the late success to count", async () => {
        await other.source.extend(left, patient);
        return (await t.lag(bound)).items === 2;
      });
      await late.source.extend(lost.slice(0, 2), patient);
      expect(late.revoked).toEqual(lost.slice(0, 2));
      // Neither was given back nor parked: they are still the other one's.
      await other.source.extend(left, patient);
      expect(other.revoked).toEqual([]);
      await other.settle(ack(of(again, '"a"')), ack(of(again, '"b"')));
      await t.quiet(bound);
    });

    test("with a time to come is delivered then, and one whose time is over is marked", async () => {
      await using t = await MqBench.open(setup);
      const hands = t.open(await t.bind());
      const envelope = { schema: "hanzo.mq.v1", id: "task_1" };
      const notBefore = Date.now() + 400;
      const later = { ...envelope, delay_until: new Date(notBefore).toISOString(), data: "later" };
      const over = { ...envelope, timestamp: new Date(0).toISOString(), ttl_seconds: 1, data: "over" };
      await t.publish("mq.orders.created", JSON.stringify(later), JSON.stringify(over));
      const [first, second] = await hands.take(2);
      expect([textOf(first!), first!.expired]).toEqual(['"over"', true]);
      expect([textOf(second!), second!.expired]).toEqual(['"later"', false]);
      expect(Date.now()).toBeGreaterThanOrEqual(notBefore - 20);
    });
  });

  describe(`strict order of ${name}`, () => {
    test("has one event out at a time, over replicas and their deaths", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind({ ordering: "strict" });
      const one = t.open(bound);
      const other = t.openElsewhere(bound);
      await t.publishRaw("mq.orders.created", Buffer.from('"0"'));
      for (let i = 1; i < 6; i++) await t.publishRaw("mq.orders.created", Buffer.from(`"${i}"`));
      const seen: string[] = [];
      const [first] = await one.take(1);
      // It dies with the first; nothing overtakes it.
      const [again] = await other.take(1);
      expect(again!.id).toBe(first!.id);
      await other.settle(ack(again!));
      seen.push(textOf(again!));
      for (let i = 1; i < 6; i++) {
        const pulled = await other.pull();
        expect(pulled).toHaveLength(1);
        seen.push(textOf(pulled[0]!));
        await other.settle(ack(pulled[0]!));
      }
      expect(seen).toEqual(['"0"', '"1"', '"2"', '"3"', '"4"', '"5"']);
    });

    test("of each subject outlives the replica that had it in hand, dead or stopped", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind({ source: "mq.orders.*", ordering: "subject" });
      const publish = async (from: number, to: number): Promise<void> => {
        for (let i = from; i < to; i++)
          await t.publish(`mq.orders.${i % 2 === 0 ? "even" : "odd"}`, `"${i}"`);
      };
      const orders = (events: readonly SourceEvent[]): readonly (readonly string[])[] =>
        ["mq.orders.even", "mq.orders.odd"].map((key) => events.filter((one) => one.key === key).map(textOf));
      const order = (from: number, to: number): readonly (readonly string[])[] =>
        [0, 1].map((odd) => {
          const all = Array.from({ length: to - from }, (_, i) => from + i);
          return all.filter((i) => i % 2 === odd).map((i) => `"${i}"`);
        });
      await publish(0, 6);
      const dead = t.open(bound);
      expect(await dead.take(6)).toHaveLength(6);
      await publish(6, 12);
      const heir = t.openElsewhere(bound);
      const events = await heir.take(12);
      expect(orders(events)).toEqual(order(0, 12));
      await heir.settle(...events.slice(0, 2).map(ack));
      // A drain gives back what waits before what was in a call.
      await heir.settle(...events.slice(6).map((event) => returned(event)));
      await heir.settle(...events.slice(2, 6).map((event) => returned(event)));
      await heir.source.close();
      await publish(12, 14);
      expect(orders(await t.openElsewhere(bound).take(12))).toEqual(order(2, 14));
    });
  });
}
