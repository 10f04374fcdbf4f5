import type { StreamOffsetQueries, StreamPosition, Store } from "@hanzo-fn/store";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { StreamBroker } from "../stream/broker.ts";
import { FROM_THE_BEGINNING, groupStart, type Starts } from "./starts.ts";
import { PlatformError } from "@hanzo-fn/contract";

export interface TopicPlace {
  readonly group: string;
  readonly topic: string;
}

export interface PositionsDependencies {
  readonly store: Pick<Store, "settings" | "streamOffsets">;
  readonly broker: Pick<StreamBroker, "ends" | "ensureGroup" | "prefix">;
  readonly clock: Pick<Clock, "now">;
}

/** Where triggers begin in the topic, and where the group that reads it for all of them is. */
export interface Positions {
  /** The end of the log now, and of a topic that is not there yet its beginning. */
  now(signal: AbortSignal): Promise<Starts>;
  /** Throws `not_found` where there is no topic. */
  ends(signal: AbortSignal): Promise<Starts>;
  /** Of a trigger that has one, its first start stays. */
  pin(offsets: StreamOffsetQueries, triggerId: string, starts: Starts): Promise<void>;
  /** By trigger. */
  pinned(): Promise<ReadonlyMap<string, Starts>>;
  /** Makes the group where it is missing; returns where it begins if it loses its positions. */
  ensureGroup(starts: readonly Starts[], signal: AbortSignal): Promise<readonly StreamPosition[]>;
  /** What the group has done, for one that is forgotten. */
  keep(positions: readonly StreamPosition[]): Promise<void>;
  forget(signal: AbortSignal): Promise<void>;
}

/** Settings of the deployment, not of an organisation. */
const DEPLOYMENT = "";

export function createPositions(
  { store, broker, clock }: PositionsDependencies,
  place: TopicPlace,
): Positions {
  // Offsets of one broker mean nothing at another.
  const name = `${broker.prefix}:${place.topic}`;
  const keyOf = (partition: number): string => `inference/${name}/${partition}`;
  const kept = async (ends: Starts): Promise<Starts> => {
    const found = new Map<number, number>();
    for (const partition of ends.keys()) {
      const value = await store.settings.get(DEPLOYMENT, keyOf(partition));
      if (typeof value?.["nextOffset"] === "number") found.set(partition, value["nextOffset"]);
    }
    return found;
  };
  return {
    now: (signal) =>
      broker.ends(place, signal).catch((error: unknown) => {
        if (error instanceof PlatformError && error.code === "not_found") return FROM_THE_BEGINNING;
        throw error;
      }),
    ends: (signal) => broker.ends(place, signal),
    async pin(offsets, triggerId, starts) {
      const known = await offsets.of(triggerId);
      if (known.some(({ topic }) => topic === name)) return;
      const rows = [...starts].map(([partition, nextOffset]) => ({ topic: name, partition, nextOffset }));
      await offsets.save(triggerId, rows);
    },
    async pinned() {
      const rows = await store.streamOffsets.ofTopic(name);
      const byTrigger = Map.groupBy(rows, ({ triggerId }) => triggerId);
      const starts = [...byTrigger].map(([id, of]): [string, Starts] => [
        id,
        new Map(of.map(({ partition, nextOffset }) => [partition, nextOffset])),
      ]);
      return new Map(starts);
    },
    async ensureGroup(starts, signal) {
      const ends = await broker.ends(place, signal);
      const saved = groupStart(ends, await kept(ends), starts);
      await broker.ensureGroup({ ...place, startOffset: "latest", saved }, signal);
      return saved;
    },
    async keep(positions) {
      const now = new Date(clock.now());
      for (const { partition, nextOffset } of positions)
        await store.settings.set(DEPLOYMENT, keyOf(partition), { nextOffset }, now);
    },
    async forget(signal) {
      const ends = await broker.ends(place, signal);
      for (const partition of ends.keys()) await store.settings.delete(DEPLOYMENT, keyOf(partition));
    },
  };
}
