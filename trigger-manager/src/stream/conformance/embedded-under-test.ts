import { systemClock } from "@hanzo-fn/lifecycle";
import { silentLogger } from "@hanzo-fn/telemetry";
import { createEmbeddedStreamBroker } from "../embedded/embedded-broker.ts";
import type { GroupTiming } from "../member.ts";
import type { SuiteParts } from "./exercise.ts";
import { signal } from "./scene.ts";
import type { StreamUnderTest } from "./setup.ts";

/** Quicker than in production, and longer than a machine that computes something else stands still. */
const TIMING: GroupTiming = { sessionTimeoutMs: 12_000, rebalanceTimeoutMs: 24_000, heartbeatMs: 200 };
const KEPT = { retentionMs: 3_600_000, retentionBytes: 1_000_000_000 };

export function embeddedUnderTest({ store, database }: SuiteParts): StreamUnderTest {
  const open = () =>
    createEmbeddedStreamBroker({ store, clock: systemClock, log: silentLogger }, { timing: TIMING });
  const broker = open();
  const { streamLog, streamGroups } = store;
  return {
    broker,
    open,
    async makeTopic(name, partitions) {
      await streamLog.makeTopic({ name, partitions, ...KEPT });
    },
    async deleteTopic(topic) {
      await streamLog.deleteTopic(topic);
    },
    addPartitions: (topic, partitions) => streamLog.growTopic(topic, partitions),
    async publish(topic, records) {
      await streamLog.append(
        topic,
        records.map(({ partition, key, value }) => {
          const bytes = key === undefined ? null : Buffer.from(key);
          return { slot: partition, key: bytes, value: Buffer.from(value), headers: null };
        }),
      );
      await streamLog.notify(topic);
    },
    async dropBefore(topic, partition, offset) {
      const place = [topic, partition, offset];
      await database.run(
        "delete from stream_records where topic = $1 and partition = $2 and record_offset < $3",
        place,
      );
      await database.run(
        "update stream_partitions set first_offset = $3 where topic = $1 and partition = $2",
        place,
      );
    },
    async makeHoles(topic, count) {
      await streamLog.makeTopic({ name: topic, partitions: 1, ...KEPT });
      const value = Buffer.from("1");
      await streamLog.append(
        topic,
        Array.from({ length: 3 * count }, () => ({ slot: 0, key: null, value, headers: null })),
      );
      await database.run("delete from stream_records where topic = $1 and record_offset % 3 <> 0", [topic]);
    },
    async committed(place) {
      const positions = await streamGroups.positions(place);
      return positions.map(({ nextOffset }) => nextOffset);
    },
    async forgetGroup(place) {
      await broker.removeGroup(place, signal);
    },
    address: { database: database.url },
  };
}
