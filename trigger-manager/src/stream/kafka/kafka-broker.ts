import type { KafkaSettings } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import { type PartitionLag, type StreamBroker, totalLag } from "../broker.ts";
import { type ConnectMember, GROUP_TIMING, type GroupTiming } from "../member.ts";
import { createGroupAdmin } from "./group-admin.ts";
import { connectKafkajs } from "./kafkajs-member.ts";
import { createPeek } from "./peek.ts";
import { connectPlatformatic } from "./platformatic-member.ts";

export interface KafkaBrokerOptions {
  /** Which client library reads; the first one where not given (docs/decisions/0014-kafka-client.md). */
  readonly client?: "platformatic" | "kafkajs" | undefined;
  readonly timing?: GroupTiming | undefined;
}

/** Kafka, for triggers of type `stream`. Connects when it is first asked. */
export function createKafkaBroker(
  deps: { readonly clock: Clock },
  settings: KafkaSettings,
  options: KafkaBrokerOptions = {},
): StreamBroker {
  const { clock } = deps;
  const timing = options.timing ?? GROUP_TIMING;
  const admin = createGroupAdmin(settings);
  const peek = createPeek(settings);
  const connect: ConnectMember =
    options.client === "kafkajs"
      ? connectKafkajs({ settings, timing })
      : connectPlatformatic({ settings, timing, clock });
  return {
    prefix: "kafka",
    timing,
    ensureGroup: (request, signal) => admin.ensure(request, signal),
    async ends(place, signal) {
      const { end } = await admin.bounds(place, signal);
      return new Map(end.entries());
    },
    connect,
    async lag(place, signal) {
      const [{ start, end }, committed] = [
        await admin.bounds(place, signal),
        await admin.committed(place, signal),
      ];
      const read = end.map((last, partition) => {
        const position = Math.max(committed.get(partition) ?? 0, start[partition] ?? 0);
        return { partition, position, items: Math.max(0, last - position) };
      });
      const late = read.filter(({ items }) => items > 0);
      const behind = new Map(late.map(({ partition, position }) => [partition, position]));
      const times = await peek.timestamps(place, behind, signal);
      const now = clock.now();
      const partitions = read.map((one): PartitionLag => {
        const time = times.get(one.partition);
        return { ...one, ms: time === undefined ? 0 : Math.max(0, now - time) };
      });
      return totalLag(partitions);
    },
    removeGroup: (place, signal) => admin.remove(place, signal),
    sweep: () => Promise.resolve(),
    close: async () => void (await Promise.all([admin.close(), peek.close()])),
  };
}
