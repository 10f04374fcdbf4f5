import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { ack, failed, MqBench, patient, STREAM, type SetupMq, textOf, wish } from "./conformance-bench.ts";

/** How triggers come by their consumers, and how they lose them; run by every broker. */
export function exerciseMqConsumers(name: string, setup: SetupMq): void {
  const conflict = { code: "conflict", next: expect.any(String) as string };

  describe(`a consumer of ${name}`, () => {
    test("is named by its function, or by the group as written", async () => {
      await using t = await MqBench.open(setup);
      const triggers = [
        wish({ source: "mq.a.one" }),
        wish({ source: "mq.a.two" }),
        wish({ source: "mq.b.*", consumer_group: "workers_1" }),
      ];
      const bound = await t.deploy("f", triggers);
      const names = ["fn-f", "fn-f-mq_a_two", "workers_1"];
      expect(bound.map(({ binding }) => binding.name)).toEqual(names);
      for (const one of names) expect(await t.under.hasConsumer(one)).toBe(true);
      const several = t.triggersOf(t.broker, true);
      const [other] = await several.bind("acme", "g", [wish({ source: "mq.c.d" })], patient);
      expect(other?.name).toBe("fn-acme-g");
    });

    test("is there before anything is recorded, and misses nothing that is published from then on", async () => {
      await using t = await MqBench.open(setup, "limits");
      await t.publish("mq.orders.created", '"before"');
      await t.triggers.bind("acme", "f", [wish()], patient);
      await t.publish("mq.orders.created", '"after"');
      // The deploy is answered only now.
      expect((await t.open(await t.bind()).take(1)).map(textOf)).toEqual(['"after"']);
    });

    test("of a work queue gets what was published before it was there", async () => {
      await using t = await MqBench.open(setup);
      await t.publish("mq.orders.created", '"before"');
      expect((await t.open(await t.bind()).take(1)).map(textOf)).toEqual(['"before"']);
    });

    test("stays the same one through deploys, in whatever order, with its position", async () => {
      await using t = await MqBench.open(setup, "limits");
      const [one, two] = [wish({ source: "mq.a.one" }), wish({ source: "mq.a.two" })];
      const before = await t.deploy("f", [one, two]);
      await t.publish("mq.a.one", '"1"', '"2"');
      const hands = t.open(before[0]!);
      await hands.settle(...(await hands.take(2)).map(ack));
      await t.quiet(before[0]!);
      const after = await t.deploy("f", [two, one]);
      expect(after.map(({ binding }) => binding.name)).toEqual(["fn-f-mq_a_two", "fn-f"]);
      expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id).toReversed());
      await t.publish("mq.a.one", '"3"');
      expect((await t.open(after[1]!).take(1)).map(textOf)).toEqual(['"3"']);
    });

    test("that exists is adopted with its position, and is left when its trigger goes", async () => {
      await using t = await MqBench.open(setup);
      await t.under.addConsumer("workers", "mq.orders.created");
      const bound = await t.bind({ consumer_group: "workers" });
      expect(bound.binding).toMatchObject({ name: "workers", created: false });
      await t.publish("mq.orders.created", '"1"');
      const hands = t.open(bound);
      await hands.settle(failed((await hands.take(1))[0]!));
      await hands.settle(ack((await hands.take(1))[0]!));
      await t.quiet(bound);
      await t.triggers.release(bound.binding, patient);
      expect(await t.under.hasConsumer("workers")).toBe(true);
      expect(await t.store.mqBindings.get(bound.binding)).toBeUndefined();
    });

    test("that we made goes with its trigger, also where that is said twice", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      expect(bound.binding.created).toBe(true);
      await t.triggers.release(bound.binding, patient);
      await t.triggers.release(bound.binding, patient);
      expect(await t.under.hasConsumer("fn-f")).toBe(false);
    });

    test("of a function's other subject takes the place of the one before, and keeps its position", async () => {
      await using t = await MqBench.open(setup, "limits");
      await t.publish("mq.orders.paid", '"long ago"');
      const before = await t.bind();
      await t.publish("mq.orders.paid", '"new"');
      const after = await t.bind({ source: "mq.orders.paid" });
      expect(after.binding).toMatchObject({ name: before.binding.name, subject: "mq.orders.paid" });
      expect((await t.open(after).take(1)).map(textOf)).toEqual(['"new"']);
      expect(await t.store.mqBindings.of("acme", "f")).toHaveLength(1);
    });

    test("of a function's other group takes the subject over from the one before, with all that waits", async () => {
      await using t = await MqBench.open(setup);
      await t.bind();
      await t.publish("mq.orders.created", '"1"');
      const after = await t.bind({ consumer_group: "renamed" });
      expect((await t.open(after).take(1)).map(textOf)).toEqual(['"1"']);
      expect(await t.under.hasConsumer("fn-f")).toBe(false);
    });

    test("that was left by a deploy that failed is released later, those of triggers are not", async () => {
      await using t = await MqBench.open(setup);
      await t.bind({ source: "mq.a.b" }, "kept");
      const [left] = await t.triggers.bind("acme", "failed", [wish()], patient);
      expect(await t.triggers.releaseOrphans(patient)).toBe(0);
      const later = { orphans: () => t.store.mqBindings.orphans(-1000, 10) };
      const store = { mqBindings: { ...t.store.mqBindings, ...later } };
      const { createMqTriggers } = await import("./triggers.ts");
      const parts = {
        store,
        broker: t.broker,
        stream: STREAM,
        hasOthers: () => Promise.resolve(false),
        log: t.log,
      };
      expect(await createMqTriggers(parts).releaseOrphans(patient)).toBe(1);
      expect(await t.under.hasConsumer(left!.name)).toBe(false);
      expect(await t.under.hasConsumer("fn-kept")).toBe(true);
    });

    test("that another function has is a conflict, which says whose it is", async () => {
      await using t = await MqBench.open(setup, "limits");
      await t.bind({ consumer_group: "workers" });
      await expect(t.bind({ source: "mq.x.y", consumer_group: "workers" }, "g")).rejects.toMatchObject({
        ...conflict,
        message: "the consumer workers belongs to the function f",
      });
      await expect(
        t.triggers.bind("other", "g", [wish({ consumer_group: "workers" })], patient),
      ).rejects.toMatchObject({ message: "the consumer workers belongs to another organisation's function" });
    });

    test("whose subject overlaps with another one's on a work queue is a conflict, wildcards included", async () => {
      await using t = await MqBench.open(setup);
      await t.bind({ source: "mq.orders.*" });
      for (const source of ["mq.orders.created", "mq.orders.*", "mq.>", "mq.*.created"]) {
        await expect(t.bind({ source }, "g")).rejects.toMatchObject({
          ...conflict,
          message: expect.stringMatching(/is taken by the consumer fn-f/) as string,
        });
      }
      await t.bind({ source: "mq.orders.created.now" }, "g");
    });

    test("that takes another subject, and is not ours, cannot be adopted", async () => {
      await using t = await MqBench.open(setup, "limits");
      await t.under.addConsumer("workers", "mq.other.subject");
      await expect(t.bind({ consumer_group: "workers" })).rejects.toMatchObject({
        ...conflict,
        message: expect.stringContaining("takes mq.other.subject, not mq.orders.created") as string,
      });
    });

    test("of a subject that the stream does not take is refused", async () => {
      await using t = await MqBench.open(setup);
      const trigger = wish();
      const odd = { ...trigger, trigger: { ...trigger.trigger, source: "other.subject" } };
      await expect(t.triggers.bind("acme", "f", [odd], patient)).rejects.toMatchObject({
        code: "bad_request",
        message: "the stream HANZO_MQ takes mq.>, not other.subject",
      });
    });

    test("of a missing stream is refused with what to do", async () => {
      await using t = await MqBench.open(setup);
      const lost = { name: "c", subject: "mq.a.b", description: "", maxAckPending: 10, stream: "NONE" };
      await expect(t.broker.ensure(lost, patient)).rejects.toMatchObject({
        code: "unavailable",
        message: "there is no stream NONE",
        next: expect.any(String) as string,
      });
    });

    test("that was removed underneath is made anew where it was, and nothing is lost", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"1"', '"2"');
      const events = await hands.take(2);
      const [one, two] = events.toSorted((a, b) => textOf(a).localeCompare(textOf(b)));
      await hands.settle(ack(one!), failed(two!, { delayMs: 50_000 }));
      await waitFor("the success to count", async () => (await t.lag(bound)).items === 1);
      await t.under.removeConsumer("fn-f");
      const waiting = hands.take(2);
      await t.publish("mq.orders.created", '"3"');
      const again = await waiting;
      expect(again.map(textOf).toSorted()).toEqual(['"2"', '"3"']);
      // What had failed is known, although the new consumer has delivered nothing before.
      expect(again.find((event) => textOf(event) === '"2"')).toMatchObject({ attempt: 2 });
      await hands.settle(...again.map(ack));
      await t.quiet(bound);
      expect((await t.store.mqBindings.get(bound.binding))?.created).toBe(true);
    });

    test("that was removed underneath, of a stream that keeps what is done, goes on from its position", async () => {
      await using t = await MqBench.open(setup, "limits");
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"1"', '"2"');
      await hands.settle(...(await hands.take(2)).map(ack));
      await t.quiet(bound);
      await t.under.removeConsumer("fn-f");
      await t.publish("mq.orders.created", '"3"');
      expect((await hands.take(1)).map(textOf)).toEqual(['"3"']);
    });

    test("whose stream was removed starts anew with a new one, and its events are others", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      const hands = t.open(bound);
      await t.publish("mq.orders.created", '"1"');
      const [event] = await hands.take(1);
      await hands.settle(ack(event!));
      await t.under.removeStream();
      await expect(t.lag(bound)).rejects.toThrow();
      const waiting = waitFor("the new event", () => hands.take(1).catch(() => undefined));
      await t.under.addStream();
      await t.publish("mq.orders.created", '"new"');
      const [fresh] = await waiting;
      expect(textOf(fresh!)).toBe('"new"');
      expect(fresh!.id).not.toBe(event!.id);
      expect(hands.source.blocked).toBeUndefined();
    });
  });

  test(`${name} removes what waits under one subject, and nothing else`, async () => {
    await using t = await MqBench.open(setup);
    const [one, two] = await t.deploy("f", [wish({ source: "mq.a.one" }), wish({ source: "mq.a.two" })]);
    await t.publish("mq.a.one", '"1"', '"2"');
    await t.publish("mq.a.two", '"3"');
    await t.broker.purge("mq.a.one", patient);
    await t.broker.purge("mq.a.none", patient);
    await t.quiet(one!);
    expect((await t.lag(two!)).items).toBe(1);
  });

  describe(`the lag of ${name}`, () => {
    test("counts what is not done, out or not, and its oldest", async () => {
      await using t = await MqBench.open(setup, "limits");
      const bound = await t.bind();
      expect(await t.lag(bound)).toMatchObject({ items: 0, ms: 0 });
      await t.publish("mq.orders.created", '"1"', '"2"', '"3"');
      await t.publish("mq.orders.other", '"not ours"');
      const lag = await waitFor("the age of the oldest", async () => {
        const lag = await t.lag(bound);
        return lag.ms >= 50 && lag;
      });
      expect(lag.items).toBe(3);
      const hands = t.open(bound);
      const events = await hands.take(3);
      expect((await t.lag(bound)).items).toBe(3);
      await hands.settle(ack(events[1]!));
      await waitFor("two to be left", async () => (await t.lag(bound)).items === 2);
      await hands.settle(ack(events[0]!), ack(events[2]!));
      await t.quiet(bound);
      const { ms, position } = await t.lag(bound);
      expect(ms).toBe(0);
      expect((await t.store.mqBindings.get(bound.binding))?.position).toBe(position);
    });

    test("is no number where the consumer is gone", async () => {
      await using t = await MqBench.open(setup);
      const bound = await t.bind();
      await t.under.removeConsumer("fn-f");
      await expect(t.lag(bound)).rejects.toThrow();
    });

    test("is read of hundreds at once; one whose consumer is gone is left out", async () => {
      await using t = await MqBench.open(setup);
      const wishes = Array.from({ length: 300 }, (_, n) =>
        wish({ source: `mq.q${n}`, consumer_group: `c-${n}` }),
      );
      const bound = await t.deploy("f", wishes);
      await t.publish("mq.q299", '"1"', '"2"');
      await t.under.removeConsumer("c-7");
      const lags = await t.lags(bound);
      expect(lags.size).toBe(299);
      expect(lags.has(bound[7]!.id)).toBe(false);
      expect(lags.get(bound[298]!.id)?.items).toBe(0);
      expect(lags.get(bound[299]!.id)?.items).toBe(2);
    });
  });
}
