import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { duplicates, idOf, isInOrder, type MakeScene, signal } from "./scene.ts";
import type { Abilities } from "./setup.ts";

/** Groups, order, commits and lag, without faults. */
export function exerciseReading(scene: MakeScene, { sharesGroups }: Abilities): void {
  test("a new group begins at the end of the log as it was made, even where nobody reads yet", async () => {
    const s = await scene();
    await s.publish(5);
    expect(await s.ensure()).toEqual({ created: true });
    const ids = await s.publish(5);
    await using _worker = await s.serve();
    await s.done(ids);
    expect(s.executed).toHaveLength(ids.length);
  });

  test("a new group begins at the start where told, and one that exists keeps its position", async () => {
    const s = await scene(1);
    const ids = await s.publish(4);
    expect(await s.ensure("earliest")).toEqual({ created: true });
    expect(await s.ensure("latest")).toEqual({ created: false });
    await using _worker = await s.serve();
    await s.done(ids);
    await s.committed([4]);
  });

  test("every event once and in the order of its partition, and all of it committed", async () => {
    const s = await scene(4);
    await s.ensure();
    await using worker = await s.serve();
    const ids = await s.publish(150);
    await s.done(ids);
    await s.committed([150, 150, 150, 150]);
    await worker.stop();
    expect(duplicates(s.executed)).toBe(0);
    expect(isInOrder(s.executed)).toBe(true);
    expect(s.executed.every(({ attempt }) => attempt === 1)).toBe(true);
  });

  test("an event is its record: body, headers' place, key, time and topic", async () => {
    const s = await scene(1);
    await s.ensure();
    const seen: string[] = [];
    await using worker = await s.serve();
    await s.t.publish(s.topic, [
      { partition: 0, key: "k", value: '{"a":1}' },
      { partition: 0, key: "k", value: "no json" },
    ]);
    await s.done([0, 1].map((offset) => idOf(s.t, s.topic, 0, offset)));
    await worker.stop();
    seen.push(...s.executed.map(({ id }) => id));
    expect(seen).toEqual([0, 1].map((offset) => idOf(s.t, s.topic, 0, offset)));
  });

  test("a partition whose function is slow holds up no other, and nothing runs twice for it", async () => {
    const s = await scene(3);
    await s.ensure();
    const gate = Promise.withResolvers<number>();
    const slow = idOf(s.t, s.topic, 0, 0);
    await using worker = await s.serve({ answer: (ids) => (ids.includes(slow) ? gate.promise : 200) });
    const ids = await s.publish(60);
    const fast = ids.filter((id) => !id.startsWith(idOf(s.t, s.topic, 0, 0).slice(0, -1)));
    await s.done(fast);
    await s.committed([0, 60, 60]);
    gate.resolve(200);
    await s.done(ids);
    await s.committed([60, 60, 60]);
    await worker.stop();
    expect(duplicates(s.executed)).toBe(0);
    expect(isInOrder(s.executed)).toBe(true);
  });

  test("nothing is committed past an event that fails, and its failures are remembered by the next reader", async () => {
    const s = await scene(1);
    await s.ensure();
    const bad = idOf(s.t, s.topic, 0, 2);
    const settings = {
      batchSize: 1,
      attempts: 3,
      ordering: "none" as const,
      backoff: { initialMs: 60_000, factor: 1, maxMs: 60_000 },
    };
    const first = await s.serve({ settings, answer: (ids) => (ids.includes(bad) ? 500 : 200) });
    const ids = await s.publish(8);
    await s.done(ids);
    await s.committed([2]);
    await first.stop(0);
    const before = s.executed.length;
    await using second = await s.serve({ settings, answer: (ids) => (ids.includes(bad) ? 500 : 200) });
    await waitFor("the failed event again", () => s.executed.slice(before).some(({ id }) => id === bad), {
      timeoutMs: 60_000,
    });
    expect(s.executed.slice(before).find(({ id }) => id === bad)?.attempt).toBe(2);
    await second.stop(0);
    expect(await s.t.committed(s)).toEqual([2]);
  });

  test("a poison event is parked after its attempts, and its partition goes on", async () => {
    const s = await scene(2);
    await s.ensure();
    const bad = idOf(s.t, s.topic, 0, 5);
    await using worker = await s.serve({
      settings: { batchSize: 4 },
      answer: (ids) => (ids.includes(bad) ? 500 : 200),
    });
    const ids = await s.publish(20);
    await s.done(ids);
    await s.committed([20, 20]);
    await worker.stop();
    expect(worker.letters.map(({ event, attempts }) => [event.id, attempts])).toEqual([[bad, 3]]);
    expect((await s.store.eventAttempts.startingWith(s.triggerId, "")).size).toBe(0);
    expect(isInOrder(s.executed)).toBe(true);
  });

  test("what runs at a stop is awaited and committed; nothing of it runs again", async () => {
    const s = await scene(2);
    await s.ensure();
    const ids = await s.publish(50);
    const first = await s.serve({
      name: "first",
      answer: () => new Promise((go) => setTimeout(go, 20, 200)),
    });
    await waitFor("some events", () => s.executed.length > 20, { timeoutMs: 60_000 });
    await first.stop(10_000);
    await using _second = await s.serve({ name: "second" });
    await s.done(ids);
    await s.committed([50, 50]);
    expect(duplicates(s.executed)).toBe(0);
  });

  test("lag is what is not done, in records and in time, and an error where it is not known", async () => {
    const s = await scene(2);
    await s.ensure();
    expect(await s.t.broker.lag(s, signal)).toMatchObject({ items: 0, seconds: 0 });
    await s.publish(7);
    await s.publish(3, [1]);
    const lag = await s.t.broker.lag(s, signal);
    expect(lag.items).toBe(17);
    expect(lag.partitions.map(({ position, items }) => [position, items])).toEqual([
      [0, 7],
      [0, 10],
    ]);
    expect(lag.seconds).toBeGreaterThanOrEqual(0);
    await waitFor("time to pass", async () => (await s.t.broker.lag(s, signal)).seconds > lag.seconds);
    await using worker = await s.serve();
    await s.committed([7, 10]);
    const done = [{ position: 7 }, { position: 10 }];
    expect(await s.t.broker.lag(s, signal)).toMatchObject({ items: 0, seconds: 0, partitions: done });
    await worker.stop();
    await expect(s.t.broker.lag({ ...s, topic: "no_such_topic" }, signal)).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("records of other organisations are passed over, and committed", async () => {
    const s = await scene(1);
    await s.ensure();
    const of = (org: string) => ({ partition: 0, value: JSON.stringify({ org_id: org }) });
    await using worker = await s.serve({ source: { org: "acme" } });
    await s.t.publish(s.topic, [of("org_acme"), of("other"), of("acme"), of("org_other")]);
    await s.committed([4]);
    await worker.stop();
    expect(s.executed.map(({ id }) => id)).toEqual([0, 2].map((offset) => idOf(s.t, s.topic, 0, offset)));
  });

  if (sharesGroups) {
    test("two triggers of one group read a topic each, and the later one begins where it was made, too", async () => {
      const s = await scene(2);
      const other = await scene(3, s.group);
      await s.ensure();
      await using worker = await s.serve();
      await s.done(await s.publish(5));
      await other.publish(4);
      await other.ensure();
      const ids = await other.publish(6);
      await using second = await other.serve();
      await other.done(ids);
      await s.done(await s.publish(5));
      await worker.stop();
      await second.stop();
      expect([s.executed.length, other.executed.length]).toEqual([20, 18]);
      await s.t.broker.removeGroup(other, signal);
      expect(await s.t.committed(other)).toEqual([]);
      expect(await s.t.committed(s)).toEqual([10, 10]);
      return undefined;
    });
  }

  test("a group that is removed is gone; removing it twice is no error", async () => {
    const s = await scene(1);
    await s.ensure();
    await s.t.broker.removeGroup(s, signal);
    await s.t.broker.removeGroup(s, signal);
    expect(await s.ensure()).toEqual({ created: true });
  });
}
