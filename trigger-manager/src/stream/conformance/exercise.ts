import { ulid } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, type TestDatabase, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ensureStreamGroup, rememberGroup } from "../prepare.ts";
import { exerciseCrashes } from "./exercise-crashes.ts";
import { exerciseFaults } from "./exercise-faults.ts";
import { exerciseReading } from "./exercise-reading.ts";
import { idOf, type Scene, signal } from "./scene.ts";
import type { Abilities, Publication, StreamUnderTest } from "./setup.ts";
import { type Executed, serve } from "./worker.ts";

export interface SuiteParts {
  readonly store: Store;
  readonly database: TestDatabase;
}

/** What every stream broker does; run by each of them, and by each client library, in its own `*.it.test.ts`. */
export function exerciseStream(
  name: string,
  abilities: Abilities,
  setup: (parts: SuiteParts) => StreamUnderTest,
): void {
  // oxlint-disable-next-line vitest/valid-title -- the caller names the implementation
  describe(name, () => {
    let store: Store;
    let database: TestDatabase;
    let dispose = async (): Promise<void> => {};
    beforeAll(async () => {
      database = await createTestDatabase();
      store = await openStore({ database, log: recordingLog(), clock: systemClock });
      await store.functions.insert(
        {
          org: "acme",
          name: "f",
          manifest: {},
          description: "",
          scaling: { minInstances: 0, maxInstances: 1, targetConcurrency: 1, scaleDownDelayMs: 1000 },
          network: {},
          trafficMode: "latest",
        },
        new Date(),
      );
      dispose = async () => {
        await store.close();
        await database[Symbol.asyncDispose]();
      };
    });
    afterAll(() => dispose());

    /** A scene of its own for every test; with `partitions: 0` without a topic. */
    const scene = async (partitions = 3, shared?: string): Promise<Scene> => {
      const t = setup({ store, database });
      const topic = `t_${ulid(Date.now()).toLowerCase()}`;
      const group = shared ?? `fn-${topic}`;
      const wanted = [{ type: "stream", key: topic, spec: {} }];
      const others = (await store.triggers.listOf("acme", "f")).map(({ type, key, spec }) => ({
        type,
        key,
        spec,
      }));
      const rows = await store.triggers.replace(
        "acme",
        "f",
        [...others, ...wanted],
        () => `trg_${ulid(Date.now())}`,
        new Date(),
      );
      const triggerId = rows.at(-1)!.id;
      const executed: Executed[] = [];
      const ends = new Map<number, number>();
      if (partitions > 0) await t.makeTopic(topic, partitions);
      const place = { triggerId, group, topic };
      return {
        ...place,
        t,
        store,
        storeUrl: database.url,
        executed,
        async ensure(startOffset = "latest") {
          const offsets = store.streamOffsets;
          const prepared = await ensureStreamGroup(
            { broker: t.broker, offsets },
            { ...place, startOffset },
            signal,
          );
          await rememberGroup(offsets, triggerId, prepared);
          return { created: prepared.created };
        },
        serve: (options) => serve({ broker: t.broker, store }, place, executed, options),
        async publish(count, these = Array.from({ length: partitions }, (_, i) => i)) {
          const records: Publication[] = [];
          const ids: string[] = [];
          for (let i = 0; i < count; i++) {
            for (const partition of these) {
              const offset = ends.get(partition) ?? 0;
              ends.set(partition, offset + 1);
              const value = JSON.stringify({ schema: "hanzo.stream.v1", data: { partition, offset } });
              records.push({ partition, key: `k${offset % 7}`, value });
              ids.push(idOf(t, topic, partition, offset));
            }
          }
          await t.publish(topic, records);
          return ids;
        },
        async done(ids, timeoutMs = 60_000) {
          const left = (): number => {
            const seen = new Set(executed.map(({ id }) => id));
            return ids.filter((id) => !seen.has(id)).length;
          };
          await waitFor(`${ids.length} events`, () => left() === 0, { timeoutMs, everyMs: 20 });
        },
        async committed(offsets) {
          const isSo = async (): Promise<boolean> =>
            JSON.stringify(await t.committed(place)) === JSON.stringify(offsets);
          await waitFor(`commits at ${offsets.join(" ")}`, isSo, { timeoutMs: 60_000, everyMs: 100 });
        },
      };
    };
    exerciseReading(scene, abilities);
    exerciseFaults(scene);
    exerciseCrashes(scene, abilities);
    test("is a broker", () => expect(["kafka", "log"]).toContain(setup({ store, database }).broker.prefix));
  });
}
