import { explainGroup, kafkaClientOptions, kafkaErrorIds, type KafkaSettings } from "@hanzo-fn/brokers";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import type { Consumer, ConsumerGroupJoinPayload, GroupPartitionsAssigner } from "@platformatic/kafka";
import type { Assigned, ConnectMember, GroupTiming, MemberEvents } from "../member.ts";
import { createFetcher } from "./fetcher.ts";

type Client = Consumer<Buffer, Buffer, Buffer, Buffer>;

const COMMIT_MS = 10_000;
const READ_MS = 10_000;
const JOIN_TRIES = 20;
const JOIN_AGAIN_MS = 100;
/** What another JoinGroup cures. */
const REJOIN = ["REBALANCE_IN_PROGRESS", "UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION", "NOT_COORDINATOR"];
const EARLIEST = -2n;

export interface PlatformaticParts {
  readonly settings: KafkaSettings;
  readonly timing: GroupTiming;
  readonly clock: Clock;
}

/**
 * A member of a Kafka group by @platformatic/kafka: its membership and its calls, without its streams, which can
 * neither hold back one partition nor keep a commit from the next generation.
 *
 * Two things keep commits fenced. The hook for a protocol's metadata runs before each JoinGroup: what is in flight
 * ends there. And the client may not retry (`retries: 0`): told that its generation is over, it would join and send
 * the same positions again, for partitions that are somebody else's by then.
 */
export function connectPlatformatic({ settings, timing, clock }: PlatformaticParts): ConnectMember {
  return async ({ group, topic }, events, signal) => {
    const { Consumer, cooperativeStickyAssigner } = await import("@platformatic/kafka");
    const common = { ...kafkaClientOptions(settings), groupId: group, retries: 0 };
    const open = (more: object): Client =>
      new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...common, ...more });
    const reader = open({ requestTimeout: READ_MS });
    let claimed: ReadonlySet<number> = new Set();
    const member = open({
      autocommit: false,
      requestTimeout: timing.rebalanceTimeoutMs + COMMIT_MS,
      sessionTimeout: timing.sessionTimeoutMs,
      rebalanceTimeout: timing.rebalanceTimeoutMs,
      heartbeatInterval: timing.heartbeatMs,
      protocols: [{ name: "cooperative-sticky", version: 3 }],
      // The leader's own topics are not all: triggers of one group may read different ones.
      partitionAssigner: ((me, members, _, metadata) => {
        const topics = new Set([...members.values()].flatMap((one) => one.topics ?? []));
        return cooperativeStickyAssigner(me, members, topics, metadata);
      }) satisfies GroupPartitionsAssigner,
      async protocolsMetadata() {
        claimed = new Set(partitionsOf(member.assignments, topic));
        await events.revoking(claimed);
        return Buffer.alloc(0);
      },
    });
    for (const client of [member, reader]) client.topics.track(topic);
    const fetcher = createFetcher({ reader, topic, events, clock, onCount: (count) => grow(count) });
    const session = createSession({ member, reader, topic, events, fetcher, clock });
    const grow = (count: number): void => session.grow(count);
    member.on("consumer:group:join", (payload) => session.joined(payload, claimed));
    member.on("consumer:heartbeat:end", () => events.alive("heartbeat"));
    member.on("error", (error: Error) => session.failed(error));
    reader.on("error", () => {});
    const close = async (): Promise<void> => {
      session.close();
      fetcher.close();
      await Promise.allSettled([member.close(true), reader.close(true)]);
    };
    try {
      await session.join(signal);
    } catch (error) {
      await close();
      throw explainGroup(error, { group, topic });
    }
    return {
      wake: () => fetcher.pump(),
      commit: (positions) => session.commit(positions),
      close,
    };
  };
}

interface SessionParts {
  readonly member: Client;
  readonly reader: Client;
  readonly topic: string;
  readonly events: MemberEvents;
  readonly fetcher: { begin(partitions: readonly number[]): void };
  readonly clock: Clock;
}

function partitionsOf(assignments: Client["assignments"] | undefined, topic: string): number[] {
  return (assignments ?? []).flatMap((one) => (one.topic === topic ? one.partitions : []));
}

function needsRejoin(error: unknown): boolean {
  const ids = kafkaErrorIds(error);
  return REJOIN.some((id) => ids.has(id));
}

/** The membership: joins, what is assigned, and commits. */
function createSession({ member, reader, topic, events, fetcher, clock }: SessionParts) {
  const closing = new AbortController();
  let generation = 0;
  let isLeader = false;
  /** Partitions of the topic when they were last shared out. */
  let known: number | undefined;
  let rejoining = false;
  /** What our owner has: a partition is kept only where it knows of it. */
  let told: ReadonlySet<number> = new Set();

  const join = async (signal: AbortSignal): Promise<void> => {
    for (let tries = 1; ; tries++) {
      signal.throwIfAborted();
      try {
        await member.joinGroup({});
        return;
      } catch (error) {
        if (tries === JOIN_TRIES || !needsRejoin(error)) throw error;
        await clock.sleep(JOIN_AGAIN_MS, signal);
      }
    }
  };
  const rejoin = async (): Promise<void> => {
    if (rejoining || closing.signal.aborted) return;
    rejoining = true;
    try {
      await join(closing.signal);
    } catch (error) {
      if (!closing.signal.aborted) events.lost(error);
    } finally {
      rejoining = false;
    }
  };
  /** Where the group is in these partitions; the log's start where it never was. */
  const positionsOf = async (partitions: readonly number[]): Promise<Map<number, Assigned>> => {
    const positions = new Map<number, Assigned>();
    const set = (partition: number, position: bigint, isNew: boolean): void =>
      void positions.set(partition, { position: Number(position), isNew, kept: false });
    if (partitions.length === 0) return positions;
    const topics = [{ topic, partitions: [...partitions] }];
    const committed = (await member.listCommittedOffsets({ topics })).get(topic) ?? [];
    const unknown = partitions.filter((partition) => (committed[partition] ?? -1n) < 0n);
    for (const partition of partitions)
      if (!unknown.includes(partition)) set(partition, committed[partition] ?? 0n, false);
    if (unknown.length === 0) return positions;
    const starts = await reader.listOffsets({
      topics: [topic],
      partitions: { [topic]: unknown },
      timestamp: EARLIEST,
    });
    for (const partition of unknown) set(partition, starts.get(topic)?.[partition] ?? 0n, true);
    return positions;
  };
  return {
    join,
    close: () => closing.abort(new Error("the member is closed")),
    failed(error: Error) {
      if (needsRejoin(error)) void rejoin();
      else events.lost(error);
    },
    joined(payload: ConsumerGroupJoinPayload, claimed: ReadonlySet<number>) {
      const mine = ++generation;
      isLeader = payload.isLeader === true;
      const partitions = partitionsOf(payload.assignments, topic);
      events.alive("heartbeat");
      const isKept = (partition: number): boolean => claimed.has(partition) && told.has(partition);
      const fresh = partitions.filter((partition) => !isKept(partition));
      positionsOf(fresh).then(
        (positions) => {
          if (mine !== generation || closing.signal.aborted) return;
          const all = partitions.map((partition): [number, Assigned] => {
            const position = positions.get(partition);
            return [partition, position ?? { position: 0, isNew: false, kept: true }];
          });
          told = new Set(partitions);
          fetcher.begin(partitions);
          events.assigned(new Map(all));
        },
        (error: unknown) => {
          if (mine === generation && !closing.signal.aborted) events.lost(error);
        },
      );
    },
    /** The topic has so many partitions now; only the group's leader may have them shared out. */
    grow(count: number) {
      const isNew = known !== undefined && count > known;
      known = count;
      if (isNew && isLeader) void rejoin();
    },
    async commit(positions: ReadonlyMap<number, number>): Promise<void> {
      if (member.memberId === null) throw new Error("not a member of the group");
      const offsets = [...positions].map(([partition, position]) => {
        return { topic, partition, offset: BigInt(position), leaderEpoch: -1 };
      });
      try {
        await withDeadline(clock, COMMIT_MS, closing.signal, () => member.commit({ offsets }));
      } catch (error) {
        // One that is still on its way must not be sent in the name of the next generation.
        if (kafkaErrorIds(error).size === 0) events.lost(error);
        throw error;
      }
    },
  };
}
