import { kafkaErrorIds } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { ClusterMetadata, Consumer } from "@platformatic/kafka";
import type { MemberEvents } from "../member.ts";
import { recordsOf } from "./records.ts";

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;
type FetchResponse = Awaited<ReturnType<Client["fetch"]>>;

export interface FetcherParts {
  /** A client of its own: a fetch waits at the broker, and everything behind it on its connection. */
  readonly reader: Client;
  readonly topic: string;
  readonly events: MemberEvents;
  readonly clock: Clock;
  /** Partitions of the topic, whenever they were asked. */
  readonly onCount: (partitions: number) => void;
}

export interface Fetcher {
  /** These are fetched from now on, as far as they are wanted. */
  begin(partitions: readonly number[]): void;
  /** Some partition may be wanted that was not. */
  pump(): void;
  close(): void;
}

/** The broker keeps a fetch for so long where there is nothing. */
const WAIT_MS = 1000;
/**
 * The same while some partition of ours is not asked for: it may be wanted at any moment, and gets nothing meanwhile. One
 * busy partition of 2 KB records beside seven empty ones drained 2,300 records/s with 200 ms, 15,000 with this.
 */
const SHORT_WAIT_MS = 20;
const AGAIN_MS = 200;
const PARTITION_BYTES = 1024 * 1024;
const FETCH_BYTES = 8 * 1024 * 1024;
/** So many errors in a row are more than a leader that moves. */
const MAX_FAILURES = 25;

const EARLIEST = -2n;
const LATEST = -1n;
const OUT_OF_RANGE = 1;

/** Fetches what is wanted, one request per broker at a time. */
export function createFetcher({ reader, topic, events, clock, onCount }: FetcherParts): Fetcher {
  const closing = new AbortController();
  const busy = new Set<number>();
  let partitions: readonly number[] = [];
  let planning = false;
  /** Something changed since the plan was made. */
  let isStale = false;
  let failures = 0;

  /** What is to be asked of which broker. */
  const plan = (metadata: ClusterMetadata): Map<number, Map<number, number>> => {
    const asks = new Map<number, Map<number, number>>();
    for (const partition of partitions) {
      const leader = metadata.topics.get(topic)?.partitions[partition]?.leader;
      const position = events.wanted(partition);
      if (leader === undefined || position === undefined || busy.has(leader)) continue;
      const ask = asks.get(leader) ?? new Map<number, number>();
      asks.set(leader, ask.set(partition, position));
    }
    return asks;
  };
  const outOfRange = async (asked: ReadonlyMap<number, number>, gone: readonly number[]): Promise<void> => {
    const bound = async (timestamp: bigint): Promise<readonly bigint[]> => {
      const found = await reader.listOffsets({
        topics: [topic],
        partitions: { [topic]: [...gone] },
        timestamp,
      });
      return found.get(topic) ?? [];
    };
    const [first, last] = [await bound(EARLIEST), await bound(LATEST)];
    for (const partition of gone) {
      const [from, end] = [Number(first[partition]), Number(last[partition])];
      const position = asked.get(partition) ?? 0;
      if (position > end) events.reset(partition, from);
      else if (position < from) events.fetched(partition, { asked: position, from, records: [], end: from });
    }
  };
  const received = (asked: ReadonlyMap<number, number>, response: FetchResponse): void => {
    for (const { partitions: answers } of response.responses) {
      for (const { partitionIndex, records } of answers) {
        const position = asked.get(partitionIndex);
        if (position === undefined || records === undefined || records === null || records.length === 0)
          continue;
        events.fetched(partitionIndex, recordsOf(records, position));
      }
    }
  };
  const refused = async (asked: ReadonlyMap<number, number>, error: unknown): Promise<void> => {
    const { response } = error as { readonly response?: FetchResponse | undefined };
    const answers = response?.responses?.flatMap((one) => one.partitions) ?? [];
    const gone = answers.filter(({ errorCode }) => errorCode === OUT_OF_RANGE);
    if (gone.length > 0) {
      await outOfRange(
        asked,
        gone.map(({ partitionIndex }) => partitionIndex),
      );
      return;
    }
    const ids = kafkaErrorIds(error);
    // A topic that was made again has another id: what the group knows of it does not hold.
    const isOther = ids.has("UNKNOWN_TOPIC_ID") || ids.has("INCONSISTENT_TOPIC_ID");
    reader.clearMetadata();
    failures += 1;
    if (isOther || failures >= MAX_FAILURES) events.lost(error);
    else await clock.sleep(AGAIN_MS, closing.signal);
  };
  const fetchFrom = async (node: number, id: string, asked: ReadonlyMap<number, number>): Promise<void> => {
    const topics = [
      {
        topicId: id,
        partitions: [...asked].map(([partition, position]) => ({
          partition,
          fetchOffset: BigInt(position),
          partitionMaxBytes: PARTITION_BYTES,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
        })),
      },
    ];
    const maxWaitTime = asked.size < partitions.length ? SHORT_WAIT_MS : WAIT_MS;
    try {
      const response = await reader.fetch({ node, topics, maxWaitTime, minBytes: 1, maxBytes: FETCH_BYTES });
      if (closing.signal.aborted) return;
      failures = 0;
      events.alive("fetch");
      received(asked, response);
    } catch (error) {
      if (!closing.signal.aborted) await refused(asked, error);
    }
  };
  const start = async (): Promise<void> => {
    const metadata = await reader.metadata({ topics: [topic] });
    if (closing.signal.aborted) return;
    const found = metadata.topics.get(topic);
    if (found === undefined) throw new Error(`Unknown topic ${topic}.`);
    onCount(found.partitionsCount);
    const asks = plan(metadata);
    if (asks.size === 0 && busy.size === 0 && isWanted()) throw new Error(`${topic} has no leader`);
    for (const [node, asked] of asks) {
      busy.add(node);
      fetchFrom(node, found.id, asked)
        .catch((error: unknown) => {
          if (!closing.signal.aborted) events.lost(error);
        })
        .finally(() => {
          busy.delete(node);
          pump();
        });
    }
  };
  const isWanted = (): boolean => partitions.some((partition) => events.wanted(partition) !== undefined);
  const failed = async (error: unknown): Promise<void> => {
    failures += 1;
    const isGone = error instanceof Error && error.message.startsWith("Unknown topic");
    if (isGone || failures >= MAX_FAILURES) events.lost(error);
    else await clock.sleep(AGAIN_MS, closing.signal).then(pump, () => {});
  };
  function pump(): void {
    isStale = true;
    if (planning || closing.signal.aborted || !isWanted()) return;
    planning = true;
    isStale = false;
    start()
      .catch((error: unknown) => void (closing.signal.aborted || failed(error)))
      .finally(() => {
        planning = false;
        if (isStale) pump();
      });
  }
  return {
    begin(these) {
      partitions = these;
    },
    pump,
    close: () => closing.abort(new Error("the fetcher is closed")),
  };
}
