import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { startMemberProcess } from "./process.ts";
import { duplicates, type MakeScene, type Scene } from "./scene.ts";
import type { Abilities } from "./setup.ts";

const soon = { timeoutMs: 60_000, everyMs: 50 };

function child(s: Scene, answerMs: number) {
  const { t, triggerId, group, topic } = s;
  const { timing } = t.broker;
  return startMemberProcess({
    store: s.storeUrl,
    address: t.address,
    timing,
    triggerId,
    group,
    topic,
    answerMs,
  });
}

/** Events of a partition that a member had begun and the group had not committed. */
function beyond(started: readonly string[], committed: readonly (number | undefined)[]): number {
  return started.filter((id) => {
    const [partition = 0, offset = 0] = id.split(":").slice(-2).map(Number);
    return offset >= (committed[partition] ?? 0);
  }).length;
}

/** Processes that end, or fall silent and come back; a broker that does. */
export function exerciseCrashes(scene: MakeScene, { restarts }: Abilities): void {
  test("a member that is killed loses nothing, and no more runs twice than it had begun and not committed", async () => {
    const s = await scene(4);
    await s.ensure();
    await using victim = await child(s, 15);
    const ids = await s.publish(150);
    await waitFor("some of it", () => victim.started.length > 100, soon);
    await victim.kill();
    const bound = beyond(victim.started, await s.t.committed(s));
    for (const id of victim.started)
      s.executed.push({ id, partition: id.split(":").at(-2) ?? "", attempt: 1, worker: "child" });
    await using worker = await s.serve();
    await s.done(ids, 60_000);
    await s.committed([150, 150, 150, 150]);
    await worker.stop();
    expect(duplicates(s.executed)).toBeLessThanOrEqual(bound);
  }, 180_000);

  test("a member that was stopped for longer than its session, and comes back, moves no position back", async () => {
    const s = await scene(4);
    await s.ensure();
    await using zombie = await child(s, 15);
    const ids = [...(await s.publish(60))];
    await waitFor("some of it", () => zombie.started.length > 40, soon);
    zombie.signal("SIGSTOP");
    await using worker = await s.serve({ name: "heir" });
    ids.push(...(await s.publish(60)));
    await waitFor("the heir has all", () => worker.source.partitions === 4, soon);
    await s.committed([120, 120, 120, 120]);
    zombie.signal("SIGCONT");
    const seen: number[] = [];
    const sum = async (): Promise<number> =>
      (await s.t.committed(s)).reduce((all: number, one) => all + (one ?? 0), 0);
    await waitFor(
      "the zombie is a member again",
      async () => {
        seen.push(await sum());
        return worker.source.partitions < 4;
      },
      soon,
    );
    ids.push(...(await s.publish(20)));
    const all = (): boolean => {
      const known = new Set([...zombie.started, ...s.executed.map(({ id }) => id)]);
      return ids.every((id) => known.has(id));
    };
    await waitFor("every event", all, soon);
    await s.committed([140, 140, 140, 140]);
    seen.push(await sum());
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    await zombie.kill();
    await worker.stop();
  }, 240_000);

  if (restarts) {
    test("a broker that is killed and started again loses nothing", async () => {
      const s = await scene(3);
      await s.ensure();
      await using worker = await s.serve({ answer: () => new Promise((go) => setTimeout(go, 10, 200)) });
      const ids = [...(await s.publish(60))];
      await waitFor("some of it", () => s.executed.length > 30, soon);
      const atRisk = s.executed.length;
      await s.t.restart?.();
      ids.push(...(await s.publish(20)));
      await s.done(ids, 90_000);
      await waitFor("commits", async () => `${await s.t.committed(s)}` === "80,80,80", soon);
      await worker.stop();
      expect(duplicates(s.executed)).toBeLessThanOrEqual(atRisk + worker.atRisk);
      return undefined;
    }, 240_000);
  }
}
