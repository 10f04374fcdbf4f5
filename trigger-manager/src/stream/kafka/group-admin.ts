import { explainGroup, kafkaClientOptions, kafkaErrorIds, type KafkaSettings } from "@hanzo-fn/brokers";
import { abortable } from "@hanzo-fn/lifecycle";
import type { Admin } from "@platformatic/kafka";
import type { EnsuredGroup, GroupRequest } from "../broker.ts";

export interface Place {
  readonly group: string;
  readonly topic: string;
}

/** First and next offset of each partition, from 0. */
export interface LogBounds {
  readonly start: readonly number[];
  readonly end: readonly number[];
}

/** What a trigger needs of Kafka besides reading. Errors are `PlatformError`s. */
export interface GroupAdmin {
  bounds(place: Place, signal: AbortSignal): Promise<LogBounds>;
  /** Committed positions by partition. */
  committed(place: Place, signal: AbortSignal): Promise<ReadonlyMap<number, number>>;
  ensure(request: GroupRequest, signal: AbortSignal): Promise<EnsuredGroup>;
  remove(place: Place, signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

const EARLIEST = -2n;
const LATEST = -1n;
/** Answers for groups that nobody knows. */
const NO_GROUP = new Set(["GROUP_ID_NOT_FOUND", "UNKNOWN_MEMBER_ID"]);
/** It has members: they have positions of their own, and only they may commit. */
const IN_USE = new Set([
  "UNKNOWN_MEMBER_ID",
  "NON_EMPTY_GROUP",
  "ILLEGAL_GENERATION",
  "REBALANCE_IN_PROGRESS",
]);

function hasAny(error: unknown, ids: ReadonlySet<string>): boolean {
  return [...kafkaErrorIds(error)].some((id) => ids.has(id));
}

/** Where a partition without a position begins: where the trigger was, as far as the log still goes there. */
function startOf(partition: number, { start, end }: LogBounds, request: GroupRequest): number {
  const [first = 0, last = 0] = [start[partition], end[partition]];
  const saved = request.saved.find((one) => one.partition === partition);
  if (saved !== undefined) return saved.nextOffset > last ? first : saved.nextOffset;
  // One that was added while the group was away is new from its first record on.
  if (request.saved.length > 0) return first;
  return request.startOffset === "earliest" ? first : last;
}

export function createGroupAdmin(settings: KafkaSettings): GroupAdmin {
  let opening: Promise<Admin> | undefined;
  const open = async (): Promise<Admin> => {
    const { Admin } = await import("@platformatic/kafka");
    return new Admin(kafkaClientOptions(settings));
  };
  const run = async <T>(
    place: Place,
    signal: AbortSignal,
    work: (admin: Admin) => Promise<T>,
  ): Promise<T> => {
    try {
      opening ??= open();
      return await abortable(opening.then(work), signal);
    } catch (error) {
      throw signal.aborted ? error : explainGroup(error, place);
    }
  };
  const boundsOf = async (admin: Admin, topic: string): Promise<LogBounds> => {
    const metadata = await admin.metadata({ topics: [topic], forceUpdate: true });
    const count = metadata.topics.get(topic)?.partitionsCount ?? 0;
    if (count === 0) throw new Error(`Unknown topic ${topic}.`);
    const at = async (timestamp: bigint): Promise<number[]> => {
      const partitions = Array.from({ length: count }, (_, partitionIndex) => ({
        partitionIndex,
        timestamp,
      }));
      const listed = await admin.listOffsets({ topics: [{ name: topic, partitions }] });
      const offsets: number[] = [];
      for (const { partitionIndex, offset } of listed.flatMap((one) => one.partitions))
        offsets[partitionIndex] = Number(offset);
      return offsets;
    };
    return { start: await at(EARLIEST), end: await at(LATEST) };
  };
  const positionsOf = async (admin: Admin, group: string) => {
    const [found] = await admin.listConsumerGroupOffsets({ groups: [group] }).catch((error: unknown) => {
      if (hasAny(error, NO_GROUP)) return [];
      throw error;
    });
    return found?.topics ?? [];
  };
  const committedOf = async (admin: Admin, { group, topic }: Place): Promise<Map<number, number>> => {
    const topics = await positionsOf(admin, group);
    const partitions = topics.find(({ name }) => name === topic)?.partitions ?? [];
    const known = partitions.filter(({ committedOffset }) => committedOffset >= 0n);
    return new Map(
      known.map(({ partitionIndex, committedOffset }) => [partitionIndex, Number(committedOffset)]),
    );
  };
  return {
    bounds: (place, signal) => run(place, signal, (admin) => boundsOf(admin, place.topic)),
    committed: (place, signal) => run(place, signal, (admin) => committedOf(admin, place)),
    ensure: (request, signal) =>
      run(request, signal, async (admin) => {
        const bounds = await boundsOf(admin, request.topic);
        const committed = await committedOf(admin, request);
        const missing = bounds.end.map((_, partition) => partition).filter((one) => !committed.has(one));
        const positions = missing.map((partition) => {
          return { partition, nextOffset: startOf(partition, bounds, request) };
        });
        const created = committed.size === 0;
        if (positions.length === 0) return { created, positions };
        const partitionOffsets = positions.map(({ partition, nextOffset }) => {
          return { partition, offset: BigInt(nextOffset) };
        });
        const topics = [{ name: request.topic, partitionOffsets }];
        await admin.alterConsumerGroupOffsets({ groupId: request.group, topics }).catch((error: unknown) => {
          if (!hasAny(error, IN_USE)) throw error;
        });
        return { created, positions };
      }),
    remove: (place, signal) =>
      run(place, signal, async (admin) => {
        const topics = await positionsOf(admin, place.group);
        const mine = topics.find(({ name }) => name === place.topic);
        // Another trigger of the group reads another topic: what it has stays.
        const isShared = topics.some(({ name, partitions }) => name !== place.topic && partitions.length > 0);
        const partitionIndexes = mine?.partitions.map(({ partitionIndex }) => partitionIndex) ?? [];
        const removing = isShared
          ? admin.deleteConsumerGroupOffsets({
              groupId: place.group,
              topics: [{ name: place.topic, partitionIndexes }],
            })
          : admin.deleteGroups({ groups: [place.group] });
        await removing.catch((error: unknown) => {
          if (!hasAny(error, NO_GROUP)) throw error;
        });
      }),
    async close() {
      await opening?.then((admin) => admin.close()).catch(() => {});
    },
  };
}
