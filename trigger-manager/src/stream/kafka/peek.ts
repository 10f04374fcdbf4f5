import { explainGroup, kafkaClientOptions, type KafkaSettings } from "@hanzo-fn/brokers";
import { abortable } from "@hanzo-fn/lifecycle";
import type { Consumer } from "@platformatic/kafka";
import type { Place } from "./group-admin.ts";
import { recordsOf } from "./records.ts";

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;

/** Looks at single records without being a member of anything. */
export interface Peek {
  /**
   * When the first record at or after each position was written, in milliseconds since the epoch; partitions without
   * one (only markers are left) are left out.
   */
  timestamps(
    place: Place,
    positions: ReadonlyMap<number, number>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, number>>;
  close(): Promise<void>;
}

/** The first batch comes whole, however large it is. */
const BYTES = 1;
const WAIT_MS = 500;

export function createPeek(settings: KafkaSettings): Peek {
  let opening: Promise<Client> | undefined;
  const open = async (): Promise<Client> => {
    const { Consumer } = await import("@platformatic/kafka");
    return new Consumer<Buffer, Buffer, Buffer, Buffer>({
      ...kafkaClientOptions(settings),
      groupId: "hanzo-fn-lag",
      autocommit: false,
    });
  };
  const look = async (
    client: Client,
    topic: string,
    positions: ReadonlyMap<number, number>,
  ): Promise<Map<number, number>> => {
    if (!client.topics.has(topic)) client.topics.track(topic);
    const metadata = await client.metadata({ topics: [topic] });
    const found = metadata.topics.get(topic);
    const times = new Map<number, number>();
    for (const [partition, position] of positions) {
      const node = found?.partitions[partition]?.leader;
      if (found === undefined || node === undefined) throw new Error(`Unknown topic ${topic}.`);
      const ask = {
        partition,
        fetchOffset: BigInt(position),
        partitionMaxBytes: BYTES,
        currentLeaderEpoch: -1,
        lastFetchedEpoch: -1,
      };
      const topics = [{ topicId: found.id, partitions: [ask] }];
      const response = await client.fetch({
        node,
        topics,
        minBytes: 1,
        maxBytes: BYTES,
        maxWaitTime: WAIT_MS,
      });
      const batches = response.responses.flatMap((one) =>
        one.partitions.flatMap(({ records }) => records ?? []),
      );
      const [first] = recordsOf(batches, position).records;
      if (first !== undefined) times.set(partition, first.timestampMs);
    }
    return times;
  };
  return {
    async timestamps(place, positions, signal) {
      if (positions.size === 0) return new Map();
      try {
        opening ??= open();
        return await abortable(
          opening.then((client) => look(client, place.topic, positions)),
          signal,
        );
      } catch (error) {
        throw signal.aborted ? error : explainGroup(error, place);
      }
    },
    async close() {
      await opening?.then((client) => client.close(true)).catch(() => {});
    },
  };
}
