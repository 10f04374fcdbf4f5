import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { duplicates, idOf, isInOrder, type MakeScene, signal } from "./scene.ts";

const soon = { timeoutMs: 60_000, everyMs: 20 };

/** Members that come and go, and logs that are not what they were. */
export function exerciseFaults(scene: MakeScene): void {
  test("a second member takes its share and gives it back; nothing is lost, and no more runs twice than was at risk", async () => {
    const s = await scene(6);
    await s.ensure();
    const answer = (): Promise<number> => new Promise((go) => setTimeout(go, 5, 200));
    await using first = await s.serve({ name: "first", answer });
    const ids: string[] = [...(await s.publish(50))];
    await waitFor("the first alone", () => first.source.partitions === 6, soon);
    const second = await s.serve({ name: "second", answer });
    await waitFor("both", () => first.source.partitions === 3 && second.source.partitions === 3, soon);
    ids.push(...(await s.publish(50)));
    await waitFor("the second's share", () => s.executed.some(({ worker }) => worker === "second"), soon);
    await second.stop(5000);
    ids.push(...(await s.publish(50)));
    await s.done(ids);
    await s.committed([150, 150, 150, 150, 150, 150]);
    await first.stop();
    expect(duplicates(s.executed)).toBeLessThanOrEqual(first.atRisk + second.atRisk);
  });

  test("holes in the log do not hold up the commits", async () => {
    const s = await scene(0);
    await s.t.makeHoles(s.topic, 5);
    await s.ensure("earliest");
    await using worker = await s.serve();
    await waitFor("what is left", () => s.executed.length >= 5, soon);
    await waitFor("no lag", async () => (await s.t.broker.lag(s, signal)).items === 0, soon);
    await worker.stop();
    expect(worker.lost.size).toBe(0);
    expect(duplicates(s.executed)).toBe(0);
  });

  test("records that were gone before they were read are counted, and reading goes on behind them", async () => {
    const s = await scene(2);
    await s.ensure();
    const ids = await s.publish(30);
    await s.t.dropBefore(s.topic, 0, 12);
    await using worker = await s.serve();
    const gone = new Set(Array.from({ length: 12 }, (_, offset) => idOf(s.t, s.topic, 0, offset)));
    await s.done(ids.filter((id) => !gone.has(id)));
    await s.committed([30, 30]);
    await worker.stop();
    expect([...worker.lost]).toEqual([[0, 12]]);
    expect(s.executed).toHaveLength(48);
  });

  test("partitions that are added are read from their first record", async () => {
    const s = await scene(1);
    await s.ensure();
    await using worker = await s.serve();
    await s.done(await s.publish(3));
    await s.t.addPartitions(s.topic, 3);
    const ids = await s.publish(5, [0, 1, 2]);
    await s.done(ids);
    await worker.stop();
    expect(isInOrder(s.executed)).toBe(true);
  });

  test("a topic that is not there is said to be missing, and found when it is made", async () => {
    const s = await scene(0);
    if (s.t.broker.prefix === "kafka")
      await expect(s.ensure()).rejects.toMatchObject({
        code: "not_found",
        message: expect.stringContaining(s.topic) as string,
        next: expect.any(String) as string,
      });
    await s.t.makeTopic(s.topic, 1);
    await s.ensure();
    await using worker = await s.serve();
    await s.done(await s.publish(2, [0]));
    await worker.stop();
  });

  test("a topic that is deleted stalls its trigger, with the reason, until it is made again", async () => {
    const s = await scene(1);
    await s.ensure();
    await using worker = await s.serve();
    await s.done(await s.publish(3));
    await s.committed([3]);
    await s.t.deleteTopic(s.topic);
    await waitFor("the reason", () => worker.source.blocked?.includes(s.topic), soon);
    await s.t.makeTopic(s.topic, 1);
    const before = s.executed.length;
    await s.t.publish(s.topic, [{ partition: 0, value: '"anew"' }]);
    await waitFor("the new topic's record", () => s.executed.length > before, soon);
    await worker.stop();
  }, 180_000);

  test("a group that lost its positions gets those of the trigger back", async () => {
    const s = await scene(2);
    await s.ensure();
    const first = await s.serve();
    await s.done(await s.publish(10));
    await s.committed([10, 10]);
    await first.stop();
    const saved = await s.store.streamOffsets.of(s.triggerId);
    expect(saved.map(({ partition, nextOffset }) => [partition, nextOffset])).toEqual([
      [0, 10],
      [1, 10],
    ]);
    const ids = await s.publish(4);
    await s.t.forgetGroup(s);
    await s.ensure("latest");
    await using _second = await s.serve();
    await s.done(ids);
    expect(duplicates(s.executed)).toBe(0);
  });
}
