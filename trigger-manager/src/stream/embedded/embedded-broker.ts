import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { type GroupRequest, type PartitionLag, type StreamBroker, totalLag } from "../broker.ts";
import { GROUP_TIMING, type GroupTiming } from "../member.ts";
import { connectEmbedded, type LogStore, missingTopic } from "./embedded-member.ts";
import { NEW_TOPIC } from "./new-topic.ts";

export interface EmbeddedBrokerOptions {
  readonly timing?: GroupTiming | undefined;
}

/** Records of a partition that one statement looks at. */
const RETAINED_AT_ONCE = 2000;

/** Topics in the platform's own database, for triggers of type `stream` where no Kafka is configured. */
export function createEmbeddedStreamBroker(
  deps: { readonly store: LogStore; readonly clock: Clock; readonly log: Pick<Logger, "warn"> },
  options: EmbeddedBrokerOptions = {},
): StreamBroker {
  const { store, clock, log } = deps;
  const { streamLog, streamGroups } = store;
  const timing = options.timing ?? GROUP_TIMING;
  const startOf = (
    { saved, startOffset }: GroupRequest,
    one: { partition: number; firstOffset: number; nextOffset: number },
  ): number => {
    const was = saved.find(({ partition }) => partition === one.partition);
    if (was !== undefined) return was.nextOffset > one.nextOffset ? one.firstOffset : was.nextOffset;
    return saved.length > 0 || startOffset === "earliest" ? one.firstOffset : one.nextOffset;
  };
  return {
    prefix: "log",
    timing,
    async ensureGroup(request) {
      await streamLog.makeTopic({ name: request.topic, ...NEW_TOPIC });
      const bounds = await streamLog.bounds(request.topic);
      const positions = bounds.map((one) => {
        return { partition: one.partition, nextOffset: startOf(request, one) };
      });
      return { created: await streamGroups.ensure(request, positions), positions };
    },
    async ends({ topic }) {
      await streamLog.makeTopic({ name: topic, ...NEW_TOPIC });
      const bounds = await streamLog.bounds(topic);
      return new Map(bounds.map(({ partition, nextOffset }) => [partition, nextOffset]));
    },
    connect: connectEmbedded({ store, timing, clock, log }),
    async lag(place) {
      const bounds = await streamLog.bounds(place.topic);
      if (bounds.length === 0) throw missingTopic(place.topic);
      const positions = new Map(
        (await streamGroups.positions(place)).map(({ partition, nextOffset }) => [partition, nextOffset]),
      );
      const behind = bounds.map(({ partition, firstOffset, nextOffset }) => {
        const offset = Math.max(positions.get(partition) ?? 0, firstOffset);
        return { partition, offset, items: Math.max(0, nextOffset - offset) };
      });
      const late = behind.filter(({ items }) => items > 0);
      const ages = await streamLog.ages(place.topic, late);
      return totalLag(
        behind.map(({ partition, offset: position, items }): PartitionLag => {
          return { partition, position, items, ms: ages.get(partition) ?? 0 };
        }),
      );
    },
    async removeGroup(place) {
      if (await streamGroups.remove(place)) return;
      throw new PlatformError("conflict", `the group ${place.group} of ${place.topic} is being read`, {
        component: "trigger-manager",
        next: "Pause or delete its trigger first.",
      });
    },
    async sweep(signal) {
      while (!signal.aborted && (await streamLog.retain(RETAINED_AT_ONCE)) >= RETAINED_AT_ONCE);
    },
    close: () => Promise.resolve(),
  };
}
