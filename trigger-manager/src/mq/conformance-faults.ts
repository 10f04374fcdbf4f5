import { systemClock } from "@hanzo-fn/lifecycle";
import { silentLogger } from "@hanzo-fn/telemetry";
import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { createBudget, REPLICA_BUDGET } from "../delivery/budget.ts";
import { createDelivery } from "../delivery/deliver.ts";
import type { Invoke } from "../delivery/invoke.ts";
import type { DeadLetter } from "../delivery/parking.ts";
import { deliverySettings } from "../delivery/settings.ts";
import {
  ack,
  type BoundTrigger,
  type Hands,
  MqBench,
  type SetupMq,
  SHORT_ACK_WAIT_MS,
  textOf,
} from "./conformance-bench.ts";

type Answer = (text: string) => number | Promise<number>;

/** The delivery loop on the events of a trigger, with a function that answers as told. */
function deliver(bound: BoundTrigger, { source }: Hands, answer: Answer) {
  const calls: string[] = [];
  const letters: DeadLetter[] = [];
  const invoke: Invoke = async (events) => {
    const texts = events.map(({ event }) => event.body.toString());
    calls.push(...texts);
    const status = Math.max(...(await Promise.all(texts.map(answer))));
    const body = Buffer.from("null");
    return {
      kind: "answered",
      answer: { status, headers: [], notDelivered: undefined, body, truncated: false },
    };
  };
  const delivery = createDelivery(
    bound.id,
    {
      source,
      invoke,
      park: (letter) => Promise.resolve(void letters.push(letter)),
      budget: createBudget(REPLICA_BUDGET),
      clock: systemClock,
      log: silentLogger,
      ready: () => 1,
      observer: { call: () => {}, parked: () => {} },
    },
    deliverySettings(bound.trigger, { attempts: 3, timeoutMs: 1000, maxConcurrency: 8 }),
  );
  return { delivery, calls, letters };
}

const quick = { retry: { backoff: { initial: "5ms", max: "20ms" } } };
const texts = (count: number): string[] => Array.from({ length: count }, (_, i) => `"${i}"`);

/** The whole way from a publication to its end, under faults; run by every broker. */
export function exerciseMqFaults(name: string, setup: SetupMq): void {
  const never = new AbortController().signal;

  describe(`deliveries from ${name}`, () => {
    test("call the function once for each event, in batches", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind({ batch_size: 10, max_batch_wait: "50ms" });
      const { delivery, calls } = deliver(bound, t.open(bound), () => 200);
      await delivery.start(never);
      await t.publish("mq.orders.created", ...texts(205));
      await t.quiet(bound);
      await delivery.stop(1000);
      expect(calls.toSorted()).toEqual(texts(205).toSorted());
    });

    test("park a poison event after its attempts, and its neighbours succeed", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind(quick);
      const { delivery, calls, letters } = deliver(bound, t.open(bound), (text) =>
        text === '"3"' ? 500 : 200,
      );
      await delivery.start(never);
      await t.publish("mq.orders.created", ...texts(8));
      await t.quiet(bound);
      await delivery.stop(1000);
      expect(letters.map(({ event, attempts, reason }) => [textOf(event), attempts, reason])).toEqual([
        ['"3"', 3, "attempts"],
      ]);
      expect(calls.filter((text) => text === '"3"')).toHaveLength(3);
      expect(new Set(calls)).toEqual(new Set(texts(8)));
    });

    test("give back at once what they hold when they drain", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind({ max_concurrency: 2 });
      const started = Promise.withResolvers<void>();
      const first = deliver(bound, t.open(bound), async () => {
        started.resolve();
        await new Promise(() => {});
        return 200;
      });
      await first.delivery.start(never);
      await t.publish("mq.orders.created", ...texts(6));
      await started.promise;
      await first.delivery.stop(0);
      const second = deliver(bound, t.openElsewhere(bound), () => 200);
      await second.delivery.start(never);
      await t.quiet(bound);
      await second.delivery.stop(1000);
      expect(second.calls.toSorted()).toEqual(texts(6));
    });

    test("lose nothing of a replica that dies in the middle, and repeat no more than it held", async () => {
      await using t = await MqBench.open(setup, "workqueue", SHORT_ACK_WAIT_MS);
      const bound = await t.bind();
      const dying = t.open(bound);
      const { delivery, calls } = deliver(bound, t.openElsewhere(bound), () => 200);
      await t.publish("mq.orders.created", ...texts(60));
      const held = await dying.take(20);
      // Some of them have succeeded, but nobody was told.
      await dying.settle(...held.slice(0, 5).map(ack));
      await delivery.start(never);
      await t.quiet(bound);
      await delivery.stop(1000);
      const acked = new Set(held.slice(0, 5).map(textOf));
      expect(calls.toSorted()).toEqual(
        texts(60)
          .filter((text) => !acked.has(text))
          .toSorted(),
      );
    });

    test("go on where the broker crashes and comes back, and lose nothing", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind(quick);
      const { delivery, calls } = deliver(bound, t.open(bound), () => 200);
      await delivery.start(never);
      await t.publish("mq.orders.created", ...texts(20));
      await t.under.crash();
      await t.publish("mq.orders.created", '"after"');
      await waitFor("everything to be done", async () => {
        const lag = await t.lag(bound).catch(() => undefined);
        return lag?.items === 0;
      });
      await delivery.stop(1000);
      expect(new Set(calls)).toEqual(new Set([...texts(20), '"after"']));
    });
  });

  describe(`publications to ${name}`, () => {
    test("of an id that the queue has are dropped, and it says so", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const publish = (id: string) => t.publishRaw("mq.orders.created", Buffer.from(`"${id}"`), {}, id);
      const first = await publish("a");
      expect(first).toMatchObject({
        place: expect.stringMatching(/^HANZO_MQ:\d+$/) as string,
        duplicate: false,
      });
      const hands = t.open(bound);
      await hands.settle(...(await hands.take(1)).map(ack));
      await t.quiet(bound);
      // Done and gone, and known all the same.
      expect(await publish("a")).toEqual({ ...first, duplicate: true });
      const both = await Promise.all([publish("b"), publish("b"), publish("c")]);
      expect(both.filter(({ duplicate }) => duplicate)).toHaveLength(1);
      expect((await hands.take(2)).map(textOf).toSorted()).toEqual(['"b"', '"c"']);
    });

    test("to wildcards, to nothing and to foreign subjects are refused", async () => {
      await using t = await MqBench.open(setup);
      for (const subject of ["mq.*", "mq.>", "mq.a.", "", "mq.a b", "$JS.API.x"]) {
        await expect(t.publishRaw(subject, Buffer.from("1"))).rejects.toMatchObject({ code: "bad_request" });
      }
      await expect(t.publishRaw("other.a", Buffer.from("1"))).rejects.toMatchObject({
        code: "bad_request",
        message: "the stream HANZO_MQ takes mq.>, not other.a",
      });
    });

    test("of parked events reach mq.dlq", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind({ source: "mq.dlq.>" });
      await t.publish("mq.dlq.mq.orders.created", '"parked"');
      expect((await t.open(bound).take(1)).map(({ source }) => source)).toEqual(["mq.dlq.mq.orders.created"]);
      expect(t.triggers.attempts(bound.binding)).toBe(1);
    });

    test("over the limit are refused, one at it arrives", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const body = (bytes: number) => Buffer.alloc(bytes, "x");
      await expect(t.publishRaw("mq.orders.created", body(1024 * 1024 + 1))).rejects.toMatchObject({
        code: "payload_too_large",
      });
      await t.publishRaw("mq.orders.created", body(1000 * 1024));
      expect((await t.open(bound).take(1))[0]!.body).toHaveLength(1000 * 1024);
    });
  });
}
