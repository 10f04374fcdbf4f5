import { ulid } from "@hanzo-fn/contract";
import { describe, expect, test } from "vitest";
import type { NewDeadLetter, Store } from "../index.ts";
import { aFunction, LATER, NOW, testStore } from "../test-setup.ts";

async function aTrigger(store: Store): Promise<string> {
  return store.withTransaction(async (tx) => {
    await tx.functions.insert(aFunction("f"), NOW);
    const wanted = [{ type: "cron", key: "k", spec: { schedule: "@daily" } }];
    const [trigger] = await tx.triggers.replace("acme", "f", wanted, () => `trg_${ulid()}`, NOW);
    return trigger!.id;
  });
}

const aLetter = (more: Partial<NewDeadLetter> = {}): NewDeadLetter => ({
  id: `dl_${ulid()}`,
  org: "acme",
  function: "f",
  triggerId: "trg_1",
  eventId: "mq:s:1",
  source: "mq.orders",
  payload: Buffer.from("{}"),
  json: true,
  headers: { a: "b" },
  reason: "attempts",
  attempts: 3,
  firstFailedAt: NOW,
  lastFailedAt: LATER,
  status: 500,
  error: "boom",
  ...more,
});

describe("a dead letter", () => {
  test("of an event is kept once, and remembers that it was published", async () => {
    await using t = await testStore();
    const { deadLetters } = t.store;
    const first = aLetter();
    expect(await deadLetters.keep(first)).toEqual({ id: first.id, published: false });
    expect(await deadLetters.keep(aLetter({ reason: "age" }))).toEqual({ id: first.id, published: false });
    await deadLetters.markPublished(first.id);
    expect(await deadLetters.keep(aLetter())).toEqual({ id: first.id, published: true });
    expect(await deadLetters.get("acme", first.id)).toMatchObject({ ...first, redrivenAt: null });
    expect(await deadLetters.get("other", first.id)).toBeUndefined();
  });

  test("with words that PostgreSQL refuses is kept with a sign in their place", async () => {
    await using t = await testStore();
    const { id } = await t.store.deadLetters.keep(aLetter({ error: "a\0b", headers: { h: "\0\ud800" } }));
    expect(await t.store.deadLetters.get("acme", id)).toMatchObject({
      error: "a\ufffdb",
      headers: { h: "\ufffd\ufffd" },
    });
  });

  test("is redriven by one of two at once", async () => {
    await using t = await testStore();
    const { id } = await t.store.deadLetters.keep(aLetter());
    const won = await Promise.all(["a", "b"].map((as) => t.store.deadLetters.markRedriven("acme", id, as)));
    expect(won.sort()).toEqual([false, true]);
  });

  test("is listed, counted and purged by organisation, function, trigger, reason and whether it was redriven", async () => {
    await using t = await testStore();
    const { deadLetters } = t.store;
    const letters = [
      aLetter({ id: "dl_1", eventId: "1" }),
      aLetter({ id: "dl_2", eventId: "2", function: "g", triggerId: "trg_2" }),
      aLetter({ id: "dl_3", eventId: "3", reason: "age" }),
      aLetter({ id: "dl_4", eventId: "4", org: "other" }),
    ];
    for (const letter of letters) await deadLetters.keep(letter);
    await deadLetters.markRedriven("acme", "dl_3", "again");
    const ids = async (more: object) =>
      (await deadLetters.list({ filter: { org: "acme", ...more }, limit: 10 })).map(({ id }) => id);
    expect(await ids({})).toEqual(["dl_3", "dl_2", "dl_1"]);
    expect(await ids({ function: "g" })).toEqual(["dl_2"]);
    expect(await ids({ triggerId: "trg_1", reason: "attempts" })).toEqual(["dl_1"]);
    expect(await ids({ redriven: true })).toEqual(["dl_3"]);
    const page = await deadLetters.list({ filter: { org: "acme" }, after: "dl_3", limit: 1 });
    expect(page.map(({ id }) => id)).toEqual(["dl_2"]);
    expect(await deadLetters.purge({ org: "acme", redriven: false })).toBe(2);
    expect(await deadLetters.count({ org: "acme" })).toBe(1);
    expect(await deadLetters.count({ org: "other" })).toBe(1);
  });
});

test("failed deliveries of an event add up until it is forgotten", async () => {
  await using t = await testStore();
  const trigger = await aTrigger(t.store);
  const { eventAttempts } = t.store;
  await eventAttempts.add(trigger, [
    { eventId: "a", counts: true },
    { eventId: "b", counts: false },
  ]);
  await eventAttempts.add(trigger, [{ eventId: "a", counts: true }]);
  const known = await eventAttempts.of(trigger, ["a", "b", "c"]);
  expect([...known].map(([id, { attempts }]) => [id, attempts]).sort()).toEqual([
    ["a", 2],
    ["b", 0],
  ]);
  expect([...(await eventAttempts.startingWith(trigger, "a")).keys()]).toEqual(["a"]);
  expect((await eventAttempts.startingWith(trigger, "")).size).toBe(2);
  await eventAttempts.forget(trigger, ["a"]);
  expect([...(await eventAttempts.of(trigger, ["a", "b"])).keys()]).toEqual(["b"]);
});

test("positions in topics are replaced partition by partition", async () => {
  await using t = await testStore();
  const trigger = await aTrigger(t.store);
  const { streamOffsets } = t.store;
  const at = (partition: number, nextOffset: number) => ({ topic: "t", partition, nextOffset });
  await streamOffsets.save(trigger, [at(0, 5), at(1, 7)]);
  await streamOffsets.save(trigger, [at(1, 2 ** 40)]);
  expect(await streamOffsets.of(trigger)).toEqual([at(0, 5), at(1, 2 ** 40)]);
  const all = await streamOffsets.ofTopic("t");
  expect(all).toContainEqual({ triggerId: trigger, ...at(0, 5) });
  expect(all.length).toBe(2);
  expect(await streamOffsets.ofTopic("other")).toEqual([]);
  const group = { group: "g", topic: "t", created: false };
  expect(await streamOffsets.groupOf(trigger)).toBeUndefined();
  await streamOffsets.keepGroup(trigger, group);
  await streamOffsets.keepGroup(trigger, { ...group, group: "other", created: true });
  await streamOffsets.keepGroup(trigger, group);
  expect(await streamOffsets.groupOf(trigger)).toEqual({ ...group, created: true });
});

test("the triggers of a type have a signature, which changes with them and with nothing else", async () => {
  await using t = await testStore();
  const { store } = t;
  const nobody = await store.triggers.liveSignature("cron");
  const trigger = await aTrigger(store);
  const one = await store.triggers.liveSignature("cron");
  expect(one).not.toBe(nobody);
  expect((await store.triggers.live("cron")).map(({ id }) => id)).toEqual([trigger]);
  await store.triggers.note([{ id: trigger, blocked: "why", lastFiredAt: NOW }]);
  expect(await store.triggers.liveSignature("cron")).toBe(one);
  expect(await store.triggers.liveSignature("inference")).toBe(nobody);
  await store.triggers.replace("acme", "f", [], () => "", NOW);
  expect(await store.triggers.liveSignature("cron")).toBe(nobody);
  expect(await store.triggers.live("cron")).toEqual([]);
});

describe("a cron schedule", () => {
  const schedule = (triggerId: string, nextFireAt: Date, enabled = true) => ({
    ...{ triggerId, org: "acme", function: "f", enabled, nextFireAt, tzVersion: "2026a" },
  });

  test("that is due is taken by one of two, with its trigger's spec, and fires a time once", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    await t.store.cronSchedules.put(schedule(trigger, NOW));
    expect(await t.store.cronSchedules.dueInMs()).toBeLessThan(0);
    const next = new Date(NOW.getTime() + 1000);
    const fire = { triggerId: trigger, scheduledAt: NOW, org: "acme", function: "f", runAt: NOW };
    const seen = await t.store.withTransaction(async (tx) => {
      const [due] = await tx.cronSchedules.takeDue(10);
      expect(due).toMatchObject({ triggerId: trigger, nextFireAt: NOW, spec: { schedule: "@daily" } });
      expect(await t.store.withTransaction((other) => other.cronSchedules.takeDue(10))).toEqual([]);
      expect(await tx.cronFires.record([fire, fire])).toEqual([true, false]);
      const step = { schedule: due!, scheduledAt: NOW, nextFireAt: next };
      expect(await tx.cronSchedules.advance([step])).toEqual([true]);
      expect(await tx.cronSchedules.advance([step])).toEqual([false]);
      return due!;
    });
    expect(await t.store.cronFires.record([fire])).toEqual([false]);
    expect(await t.store.cronSchedules.get(trigger)).toMatchObject({
      nextFireAt: next,
      lastScheduledAt: NOW,
    });
    // It was changed since: the tick that saw it before changes nothing.
    await t.store.cronSchedules.put(schedule(trigger, NOW));
    const step = { schedule: seen, scheduledAt: LATER, nextFireAt: LATER };
    expect(await t.store.withTransaction((tx) => tx.cronSchedules.advance([step]))).toEqual([false]);
  });

  test("never fires a time again that it has fired", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    const fireNow = async () => {
      await t.store.cronSchedules.put(schedule(trigger, NOW));
      return t.store.withTransaction(async (tx) => {
        const [due] = await tx.cronSchedules.takeDue(1);
        return tx.cronSchedules.advance([{ schedule: due!, scheduledAt: NOW, nextFireAt: LATER }]);
      });
    };
    expect([await fireNow(), await fireNow()]).toEqual([[true], [false]]);
  });

  test("that is not enabled, or whose zones are known, is left alone", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    const { cronSchedules } = t.store;
    await cronSchedules.put(schedule(trigger, NOW));
    const otherZones = (version: string) =>
      t.store.withTransaction((tx) => tx.cronSchedules.takeOtherZones(version, 10));
    expect(await otherZones("2026a")).toEqual([]);
    expect(await otherZones("2026b")).toMatchObject([{ triggerId: trigger, spec: { schedule: "@daily" } }]);
    await cronSchedules.put(schedule(trigger, NOW, false));
    expect(await cronSchedules.dueInMs()).toBeUndefined();
    expect(await t.store.withTransaction((tx) => tx.cronSchedules.takeDue(10))).toEqual([]);
    expect(await otherZones("2026b")).toEqual([]);
  });

  test("settles a whole batch whatever one function's words are", async () => {
    await using t = await testStore();
    const { cronFires } = t.store;
    const fire = { triggerId: "trg_1", org: "acme", function: "f", runAt: NOW };
    await cronFires.record([NOW, LATER].map((scheduledAt) => ({ ...fire, scheduledAt })));
    const rows = await cronFires.claim({ owner: "o", leaseMs: 60_000, limit: 2 });
    const error = { code: "handler_error", message: "nul\0" };
    const settled = await cronFires.settle(
      rows.map((lease) => ({ lease, to: "failed", counts: true, outcome: { error } })),
    );
    expect(settled).toEqual([true, true]);
    expect(await cronFires.history({ org: "acme", triggerId: "trg_1", limit: 1 })).toMatchObject([
      { error: { message: "nul\ufffd" } },
    ]);
  });

  test("is held by one of two, and its next run is taken where nothing of it runs", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    await t.store.cronSchedules.put(schedule(trigger, NOW));
    const fires = [NOW, LATER].map((at) => ({
      ...{ triggerId: trigger, scheduledAt: at, org: "acme", function: "f", runAt: at },
    }));
    await t.store.cronFires.record(fires);
    const claimAlone = () =>
      t.store.withTransaction(async (tx) => {
        const held = await tx.cronSchedules.hold([trigger]);
        const keys = await tx.cronFires.nextAlone(held);
        return (await tx.cronFires.claim({ owner: "o", leaseMs: 60_000, limit: 9, keys })).length;
      });
    const claimed = await Promise.all([claimAlone(), claimAlone(), claimAlone(), claimAlone()]);
    expect(claimed.sort()).toEqual([0, 0, 0, 1]);
    expect(await t.store.cronFires.nextAlone([trigger, "trg_other"])).toEqual([]);
    expect(await t.store.cronFires.unfinished([trigger, "trg_other"])).toEqual([
      { triggerId: trigger, scheduledAt: NOW, started: true },
      { triggerId: trigger, scheduledAt: LATER, started: false },
    ]);
  });

  test("that missed a time records it as ended", async () => {
    await using t = await testStore();
    const { cronFires } = t.store;
    const fire = { triggerId: "trg_1", scheduledAt: NOW, org: "acme", function: "f", runAt: NOW };
    const ended = { state: "missed", error: { code: "missed", message: "nobody was there" } } as const;
    await cronFires.record([
      { ...fire, ended },
      { ...fire, scheduledAt: LATER, runAt: LATER },
    ]);
    const page = { org: "acme", triggerId: "trg_1", limit: 10 };
    expect(await cronFires.history(page)).toMatchObject([
      { scheduledAt: LATER, state: "queued", error: null },
      { scheduledAt: NOW, state: "missed", attempt: 0, error: ended.error },
    ]);
    expect(await cronFires.history({ ...page, before: LATER })).toHaveLength(1);
    expect(await cronFires.claim({ owner: "o", leaseMs: 1000, limit: 9 })).toHaveLength(1);
  });

  test("lets a run that waits for another attempt go before those that were recorded after it", async () => {
    await using t = await testStore();
    const { cronFires } = t.store;
    const fire = { triggerId: "trg_1", org: "acme", function: "f" };
    const times = [NOW, LATER, new Date(LATER.getTime() + 1)];
    await cronFires.record(times.map((at) => ({ ...fire, scheduledAt: at, runAt: at })));
    const [first] = await cronFires.claim({ owner: "o", leaseMs: 60_000, limit: 1 });
    await cronFires.settle([{ lease: first!, to: "queued", counts: true, delayMs: 0 }]);
    expect(await cronFires.nextAlone(["trg_1"])).toEqual([{ triggerId: "trg_1", scheduledAt: NOW }]);
    const [again] = await cronFires.claim({
      ...{ owner: "o", leaseMs: 60_000, limit: 9 },
      keys: [{ triggerId: "trg_1", scheduledAt: NOW }],
    });
    expect(again).toMatchObject({ scheduledAt: NOW, attempt: 2 });
    await cronFires.settle([{ lease: again!, to: "queued", counts: true, delayMs: 60_000 }]);
    // Its delay is everybody's.
    expect(await cronFires.nextAlone(["trg_1"])).toEqual([]);
    expect(await cronFires.nextDueInMs()).toBeGreaterThan(50_000);
    expect((await cronFires.dueLanes(9)).map(({ lane }) => lane)).toEqual([{ triggerId: "trg_1" }]);
  });

  test("says what waits: runs that are due and a time that has come", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    await t.store.cronSchedules.put(schedule(trigger, NOW));
    const fire = { triggerId: trigger, org: "acme", function: "f" };
    const soon = new Date(Date.now() + 3_600_000);
    await t.store.cronFires.record([LATER, soon].map((at) => ({ ...fire, scheduledAt: at, runAt: at })));
    const lag = await t.store.cronFires.lag([trigger, "trg_other"]);
    expect(lag.get("trg_other")).toEqual({ items: 0, ageMs: 0 });
    expect(lag.get(trigger)?.items).toBe(2);
    expect(lag.get(trigger)?.ageMs).toBeGreaterThan(Date.now() - NOW.getTime() - 60_000);
  });

  test("of a deleted trigger is over at once, and its waiting runs are nobody's", async () => {
    await using t = await testStore();
    const trigger = await aTrigger(t.store);
    const { cronSchedules, cronFires, triggers } = t.store;
    await cronSchedules.put(schedule(trigger, NOW));
    await cronFires.record([
      { triggerId: trigger, scheduledAt: NOW, org: "acme", function: "f", runAt: NOW },
    ]);
    expect(await cronFires.orphans(9)).toEqual([]);
    await t.store.functions.delete("acme", "f");
    expect(await cronSchedules.get(trigger)).toBeUndefined();
    expect(await cronFires.orphans(9)).toEqual([{ triggerId: trigger, scheduledAt: NOW }]);
    expect(await triggers.deleting(9)).toMatchObject([{ id: trigger, state: "deleting" }]);
    expect(await triggers.remove(trigger)).toBe(true);
    expect(await triggers.get("acme", trigger)).toBeUndefined();
  });

  test("says of its trigger when it fires next, wherever the trigger is read", async () => {
    await using t = await testStore();
    const { cronSchedules, triggers } = t.store;
    const trigger = await aTrigger(t.store);
    const seen = async () => [
      (await triggers.get("acme", trigger))?.nextFireAt,
      (await triggers.listOf("acme", "f"))[0]?.nextFireAt,
      (await triggers.list({ org: "acme", page: 1, pageSize: 9 })).items[0]?.nextFireAt,
      (await t.store.loadFunction("acme", "f"))?.triggers[0]?.nextFireAt,
    ];
    expect(await seen()).toEqual([null, null, null, null]);
    await cronSchedules.put(schedule(trigger, NOW));
    expect(await seen()).toEqual([NOW, NOW, NOW, NOW]);
    await cronSchedules.put(schedule(trigger, NOW, false));
    expect(await seen()).toEqual([null, null, null, null]);
  });
});
