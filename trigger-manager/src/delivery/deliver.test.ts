import { createFakeClock, type FakeClock, settle } from "@hanzo-fn/testkit";
import { silentLogger } from "@hanzo-fn/telemetry";
import { describe, expect, it } from "vitest";
import { type Budget, createBudget, REPLICA_BUDGET } from "./budget.ts";
import type { CallResult } from "./classify.ts";
import { createDelivery } from "./deliver.ts";
import { createFakeSource, type FakeSourceOptions } from "./fake-source.ts";
import type { Invoke } from "./invoke.ts";
import type { DeadLetter } from "./parking.ts";
import type { DeliverySettings } from "./settings.ts";

const SETTINGS: DeliverySettings = {
  ordering: "none",
  batchSize: 1,
  maxBatchWaitMs: 1000,
  maxBatchBytes: 6_000_000,
  attempts: 3,
  backoff: { initialMs: 1000, factor: 2, maxMs: 60_000 },
  on4xx: "retry",
  partialResponse: false,
  maxEventAgeMs: 3_600_000,
  maxConcurrency: 16,
  deadlineMs: 125_000,
};

function answered(status: number, extra: { notDelivered?: string; body?: unknown } = {}): CallResult {
  const body = Buffer.from(JSON.stringify(extra.body ?? null));
  const { notDelivered } = extra;
  return { kind: "answered", answer: { status, headers: [], notDelivered, body, truncated: false } };
}

interface Options extends Partial<Omit<FakeSourceOptions, "now">> {
  readonly settings?: Partial<DeliverySettings>;
  /** How a call of these events ends. */
  readonly answer?: (ids: readonly string[], call: number) => CallResult | Promise<CallResult>;
  readonly parkFails?: () => boolean;
  readonly ready?: () => number | undefined;
  readonly budget?: Budget;
  readonly clock?: FakeClock;
}

/** One trigger over a fake broker and a fake clock; chance is always a half. */
function start(options: Options = {}) {
  const clock = options.clock ?? createFakeClock();
  const source = createFakeSource({ now: clock.now, redelivers: true, ...options });
  const calls: { ids: string; at: number; attempts: string; signal: AbortSignal }[] = [];
  const invoke: Invoke = async (events, signal) => {
    const ids = events.map(({ event }) => event.id);
    const attempts = events.map(({ attempt }) => attempt).join(" ");
    calls.push({ ids: ids.join(" "), at: clock.now(), attempts, signal });
    return (await options.answer?.(ids, calls.length)) ?? answered(200);
  };
  const letters: DeadLetter[] = [];
  const delivery = createDelivery(
    "trg_1",
    {
      source: source.connect(),
      invoke,
      park: async (letter) => {
        if (options.parkFails?.()) throw new Error("no database");
        letters.push(letter);
      },
      budget: options.budget ?? createBudget(REPLICA_BUDGET),
      clock,
      log: silentLogger,
      ready: options.ready ?? (() => 1),
      observer: { call: () => {}, parked: () => {} },
      random: () => 0.5,
    },
    { ...SETTINGS, ...options.settings },
  );
  void delivery.start(new AbortController().signal);
  /** Like the clock's own, but the broker notices what is due, too. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 100) {
      await clock.advance(Math.min(100, left));
      source.tick();
      await settle();
    }
  };
  return {
    clock,
    source,
    calls,
    letters,
    delivery,
    pass,
    /** What was settled, for example `a ack`. */
    log: () => source.settled.map(({ name, settlement }) => `${name} ${settlement.kind}`),
    ids: () => calls.map(({ ids }) => ids),
  };
}
const never = new Promise<never>(() => {});

/** A machine so busy that time passes between any two looks at the clock. */
function busyClock(stepMs: number): FakeClock {
  const clock = createFakeClock();
  let passed = 0;
  return { ...clock, monotonic: () => clock.monotonic() + (passed += stepMs) };
}

describe("an event", () => {
  it.each([0.3, 1, 2, 3, 4, 5, 7])(
    "whose time comes while the loop looks is not left, %s ms a look",
    async (ms) => {
      const t = start({ clock: busyClock(ms), settings: { batchSize: 2, maxBatchWaitMs: 5 } });
      for (const id of ["a", "b", "c", "d", "e"]) {
        t.source.publish(id);
        await t.pass(1000);
      }
      expect(t.ids()).toEqual(["a", "b", "c", "d", "e"]);
    },
  );

  it("begins after many others were settled in one moment", async () => {
    let settled = Promise.withResolvers<void>();
    const t = start({
      settings: { maxConcurrency: 32 },
      ready: () => undefined,
      settling: () => settled.promise,
    });
    const all = Array.from({ length: 1000 }, (_, i) => String(i));
    for (const id of all) t.source.publish(id);
    for (let done = -1; done < t.calls.length; settled = Promise.withResolvers()) {
      await t.pass(1000);
      done = t.calls.length;
      settled.resolve();
      await t.pass(1000);
    }
    expect(t.ids().toSorted()).toEqual(all.toSorted());
  });

  it("is acknowledged after the function succeeded, and not before", async () => {
    const answer = Promise.withResolvers<CallResult>();
    const t = start({ answer: () => answer.promise });
    t.source.publish("a");
    await t.pass(500);
    expect([t.ids(), t.log()]).toEqual([["a"], []]);
    answer.resolve(answered(204));
    await settle();
    expect(t.log()).toEqual(["a ack"]);
    expect(t.delivery.held).toBe(0);
  });

  it("that fails comes back later and later, and is parked after its last attempt", async () => {
    const t = start({ answer: () => answered(500) });
    t.source.publish("a");
    await t.pass(10_000);
    expect(t.calls.map(({ at, attempts }) => `${attempts}@${at}`)).toEqual(["1@0", "2@500", "3@1500"]);
    expect(t.log()).toEqual(["a retry", "a retry", "a park"]);
    expect(t.letters).toMatchObject([
      {
        reason: "attempts",
        attempts: 3,
        failure: { status: 500 },
        firstFailedAtMs: 0,
        lastFailedAtMs: 1500,
      },
    ]);
    expect(t.source.pending).toEqual([]);
  });

  it("is not settled as parked before it is among the dead letters, and not tried again meanwhile", async () => {
    let isDown = true;
    const t = start({ answer: () => answered(500), parkFails: () => isDown, settings: { attempts: 1 } });
    t.source.publish("a");
    await t.pass(60_000);
    expect([t.calls.length, t.log(), t.delivery.held]).toEqual([1, [], 1]);
    isDown = false;
    await t.pass(10_000);
    expect([t.calls.length, t.log()]).toEqual([1, ["a park"]]);
  });

  it("whose attempts were spent before a crash is parked without another one", async () => {
    const t = start({ answer: () => answered(500), parkFails: () => true, settings: { attempts: 1 } });
    t.source.publish("a");
    await t.pass(5000);
    const stopped = t.delivery.stop(1000);
    await t.pass(5000);
    await stopped;
    expect(t.log()).toEqual(["a retry"]);
    expect(t.source.settled[0]?.settlement).toMatchObject({ counted: true });
    const next = start({ answer: () => answered(500), settings: { attempts: 0 } });
    next.source.publish("a");
    await next.pass(100);
    expect([next.calls, next.log()]).toEqual([[], ["a park"]]);
    expect(next.letters).toMatchObject([{ reason: "attempts", attempts: 0 }]);
  });

  it("is extended for as long as its call runs, and its call is cut at the deadline and counts", async () => {
    const t = start({ answer: (_, call) => (call === 1 ? never : answered(200)) });
    t.source.publish("a");
    await t.pass(124_000);
    expect(t.source.extended.get("a")).toBe(12);
    expect(t.calls[0]?.signal.aborted).toBe(false);
    await t.pass(2000);
    expect(t.calls.map(({ attempts }) => attempts)).toEqual(["1", "2"]);
    expect(t.calls[0]?.signal.aborted).toBe(true);
    expect(t.log()).toEqual(["a retry", "a ack"]);
  });

  it("that was failing for too long is parked, whatever attempts it has left", async () => {
    const t = start({
      answer: () => answered(503, { notDelivered: "no_capacity" }),
      settings: { maxEventAgeMs: 60_000 },
    });
    t.source.publish("a");
    await t.pass(400_000);
    expect(t.letters).toMatchObject([{ reason: "expired", attempts: 0 }]);
  });
});

describe("a batch", () => {
  const batch = { batchSize: 4, attempts: 2 };

  it("that fails is tried again as a whole, then halved until the one that fails is alone", async () => {
    const t = start({
      settings: batch,
      answer: (ids) => answered(ids.includes("c") ? 500 : 200),
    });
    for (const name of ["a", "b", "c", "d"]) t.source.publish(name);
    await t.pass(5000);
    expect(t.ids()).toEqual(["a b c d", "a b c d", "a b", "c d", "c", "d"]);
    expect(t.letters.map(({ event, attempts }) => `${event.id} ${attempts}`)).toEqual(["c 2"]);
    expect(
      t
        .log()
        .filter((line) => line.endsWith("ack"))
        .toSorted(),
    ).toEqual(["a ack", "b ack", "d ack"]);
  });

  it("goes when it is full or its oldest event has waited for long enough", async () => {
    const t = start({ settings: batch });
    for (const name of ["a", "b", "c", "d", "e"]) t.source.publish(name);
    await t.pass(900);
    expect(t.ids()).toEqual(["a b c d"]);
    await t.pass(200);
    expect(t.ids()).toEqual(["a b c d", "e"]);
  });

  it("whose answer names what failed has only that tried again", async () => {
    const t = start({
      settings: { ...batch, partialResponse: true },
      answer: (_, call) =>
        answered(200, { body: { batchItemFailures: call === 1 ? [{ itemIdentifier: "b" }] : [] } }),
    });
    for (const name of ["a", "b", "c", "d"]) t.source.publish(name);
    await t.pass(5000);
    expect(t.ids()).toEqual(["a b c d", "b"]);
    expect(t.log()).toEqual(["a ack", "c ack", "d ack", "b retry", "b ack"]);
  });

  it("whose answer cannot be understood has failed as a whole", async () => {
    const t = start({
      settings: { ...batch, partialResponse: true },
      answer: (_, call) =>
        answered(200, {
          body: call === 1 ? { batchItemFailures: [{ itemIdentifier: "x" }] } : { results: [] },
        }),
    });
    for (const name of ["a", "b", "c", "d"]) t.source.publish(name);
    await t.pass(400);
    expect(t.log()).toEqual(["a retry", "b retry", "c retry", "d retry"]);
    await t.pass(400);
    // An answer that names no event at all says of each that it failed.
    expect(t.letters.map(({ event, reason }) => `${event.id} ${reason}`)).toEqual(
      ["a", "b", "c", "d"].map((id) => `${id} attempts`),
    );
  });
});

describe("a function that takes no calls", () => {
  it("costs no attempts, is asked less and less often, one call at a time, and its events wait at their source", async () => {
    let isDown = true;
    const t = start({
      ready: () => 4,
      answer: () => answered(isDown ? 503 : 200, isDown ? { notDelivered: "no_capacity" } : {}),
    });
    for (let i = 0; i < 20; i++) t.source.publish(`e${i}`);
    await t.pass(600_000);
    expect(t.calls.filter(({ at }) => at === 0)).toHaveLength(4);
    expect(t.calls.filter(({ at }) => at > 0).length).toBeLessThan(15);
    expect(new Set(t.calls.filter(({ at }) => at > 0).map(({ at }) => at)).size).toBe(t.calls.length - 4);
    expect(t.delivery.blocked).toBe("not delivered: no_capacity");
    expect(t.delivery.held).toBe(0);
    isDown = false;
    await t.pass(600_000);
    expect(t.delivery.blocked).toBeUndefined();
    expect(t.source.pending).toEqual([]);
    expect(new Set(t.calls.map(({ attempts }) => attempts))).toEqual(new Set(["1"]));
  });

  it("at zero instances gets one call, and the others once it is up", async () => {
    let ready = 0;
    const first = Promise.withResolvers<CallResult>();
    const t = start({
      ready: () => ready,
      answer: (_, call) => (call === 1 ? first.promise : answered(200)),
    });
    for (let i = 0; i < 20; i++) t.source.publish(`e${i}`);
    await t.pass(50_000);
    expect([t.calls.length, t.delivery.held]).toEqual([1, 1]);
    ready = 1;
    first.resolve(answered(200));
    await t.pass(1000);
    expect(t.source.pending).toEqual([]);
  });
});

it("calls more at once while the function succeeds, and no more than it may", async () => {
  let running = 0;
  let most = 0;
  const t = start({
    settings: { maxConcurrency: 5 },
    answer: async () => {
      running += 1;
      most = Math.max(most, running);
      await t.clock.sleep(100);
      running -= 1;
      return answered(200);
    },
  });
  for (let i = 0; i < 100; i++) t.source.publish(`e${i}`);
  await t.pass(300);
  expect(most).toBeLessThan(5);
  await t.pass(10_000);
  expect([most, t.source.pending]).toEqual([5, []]);
});

describe("order", () => {
  it("of a partition waits behind what fails, and no other partition does", async () => {
    const t = start({
      redelivers: false,
      settings: { ordering: "partition" },
      answer: (ids, call) => answered(ids[0] === "a1" && call < 4 ? 500 : 200),
    });
    for (const name of ["a1", "a2", "b1", "b2"]) t.source.publish(name, { partition: name[0]! });
    await t.pass(5000);
    const order = t.ids();
    expect(order.filter((id) => id.startsWith("a")).slice(-2)).toEqual(["a1", "a2"]);
    expect(order.indexOf("a2")).toBe(order.lastIndexOf("a1") + 1);
    expect(t.log().slice(0, 3)).toEqual(["a1 hold", "b1 ack", "b2 ack"]);
  });

  it("of a key waits for that key alone", async () => {
    const t = start({
      settings: { ordering: "key" },
      answer: (ids, call) => answered(ids[0] === "a1" && call === 1 ? 500 : 200),
    });
    for (const name of ["a1", "a2", "b1", "a3"]) t.source.publish(name, { key: name[0]! });
    await t.pass(5000);
    expect(t.ids()).toEqual(["a1", "b1", "a1", "a2", "a3"]);
  });
});

describe("what is somebody else's", () => {
  it("is not delivered any more, and of a running call only the success counts", async () => {
    const answer = Promise.withResolvers<CallResult>();
    const t = start({ settings: { batchSize: 2 }, answer: () => answer.promise });
    t.source.publish("a");
    t.source.publish("b");
    await t.pass(100);
    t.source.revoke(({ id }) => id === "a", false);
    await settle();
    expect(t.calls[0]?.signal.aborted).toBe(false);
    answer.resolve(answered(500));
    await settle();
    expect(t.log()).toEqual(["b retry"]);
  });

  it("has no call where it still waited for company or for its next attempt", async () => {
    const t = start({
      settings: { batchSize: 2, ordering: "partition" },
      redelivers: false,
      answer: () => answered(500),
    });
    t.source.publish("a");
    await t.pass(500);
    t.source.revoke(({ id }) => id === "a", true);
    await t.pass(2000);
    expect([t.calls, t.log(), t.delivery.held]).toEqual([[], [], 0]);
    t.source.publish("b");
    t.source.publish("c");
    await t.pass(100);
    t.source.revoke(() => true, true);
    await t.pass(10_000);
    expect([t.ids(), t.log(), t.delivery.held]).toEqual([["b c"], ["b hold", "c hold"], 0]);
  });

  it("and came back unannounced is in no batch twice, and waits no longer for it", async () => {
    const t = start({
      leaseMs: 3000,
      fails: (what) => what === "extend",
      settings: { batchSize: 2, maxBatchWaitMs: 10_000 },
    });
    t.source.publish("a");
    await t.pass(9900);
    expect([t.calls, t.delivery.held, t.source.takenAway]).toEqual([[], 1, 3]);
    await t.pass(200);
    expect([t.ids(), t.log()]).toEqual([["a"], ["a ack"]]);
  });

  it("is cut where it was cancelled", async () => {
    const t = start({ answer: () => never });
    t.source.publish("a");
    await t.pass(100);
    t.source.revoke(({ id }) => id === "a", true);
    await settle();
    expect([t.calls[0]?.signal.aborted, t.log(), t.delivery.held]).toEqual([true, [], 0]);
  });
});

describe("a stop", () => {
  it("lets calls end and returns the rest uncounted", async () => {
    const answer = Promise.withResolvers<CallResult>();
    const t = start({ settings: { batchSize: 2 }, answer: () => answer.promise });
    for (const name of ["a", "b", "c"]) t.source.publish(name);
    await t.pass(100);
    const stopped = t.delivery.stop(10_000);
    await t.pass(5000);
    answer.resolve(answered(200));
    await stopped;
    expect(t.log().filter((line) => line.endsWith("ack"))).toEqual(["a ack", "b ack"]);
    expect(t.source.pending).toEqual(["c"]);
    expect([t.calls.length, t.delivery.held]).toEqual([1, 0]);
  });

  it("cuts calls at the end of its grace, which costs them no attempt", async () => {
    const t = start({ answer: () => never });
    t.source.publish("a");
    await t.pass(100);
    const stopped = t.delivery.stop(1000);
    await t.pass(1100);
    await stopped;
    expect(t.calls[0]?.signal.aborted).toBe(true);
    const settlement = { kind: "retry", counted: false, delayMs: 0, interrupted: true };
    expect(t.source.settled).toMatchObject([{ settlement }]);
  });

  it("with less grace than one before shortens the drain", async () => {
    const t = start({ answer: () => never });
    t.source.publish("a");
    await t.pass(100);
    const stopped = [t.delivery.stop(900_000), t.delivery.stop(1000)];
    await t.pass(1100);
    await Promise.all(stopped);
    expect(t.calls[0]?.signal.aborted).toBe(true);
  });

  it("ends where the broker does not answer", async () => {
    const t = start({ fails: (what) => what === "settle" });
    t.source.publish("a");
    await t.pass(100);
    const stopped = t.delivery.stop(1000);
    await t.pass(5000);
    await stopped;
    expect(t.source.pending).toEqual(["a"]);
  });
});

it("asks the broker again when a pull or a settlement fails", async () => {
  let left = 4;
  const t = start({ fails: () => left-- > 0 });
  t.source.publish("a");
  await t.pass(20_000);
  expect([t.calls.length, t.log()]).toEqual([1, ["a ack"]]);
});

it("shares the calls and the room of its replica with other triggers", async () => {
  const budget = createBudget({ calls: 1, bytes: 600 });
  const answer = Promise.withResolvers<CallResult>();
  const first = start({ budget, answer: (_, call) => (call === 1 ? answer.promise : answered(200)) });
  const second = start({ budget });
  for (const name of ["a", "b", "c"]) first.source.publish(name);
  await first.pass(100);
  for (const name of ["x", "y"]) second.source.publish(name);
  await second.pass(100);
  expect([first.ids(), second.ids(), budget.freeBytes]).toEqual([["a"], [], 0]);
  answer.resolve(answered(200));
  await first.pass(100);
  await second.pass(100);
  expect([first.source.pending, second.source.pending, budget.freeBytes]).toEqual([[], [], 600]);
});
