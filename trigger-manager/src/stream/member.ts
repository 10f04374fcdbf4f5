import type { Fetched } from "./tenure.ts";

/** A partition as it was assigned. */
export interface Assigned {
  /** Where to begin: what the group committed, else the log's start. */
  readonly position: number;
  /** The group has committed nothing of it: the log's start is a guess. */
  readonly isNew: boolean;
  /** The log's next offset, where it is known and the group has committed nothing. */
  readonly end?: number | undefined;
  /** It was ours until now, without a moment in which somebody else could have had it. */
  readonly kept: boolean;
}

/**
 * What a member of a group tells its owner. Nothing of it runs a function, and nothing waits for one, so a client's
 * callbacks return at once. A member that was lost or closed is not listened to any more.
 */
export interface MemberEvents {
  /**
   * The group is about to share its partitions anew. These stay ours for certain. Resolves when what is done of the
   * others is committed, within a bound; a client that can wait joins only then.
   */
  revoking(staying: ReadonlySet<number>): Promise<void>;
  /** What is ours from now on; all else is not. */
  assigned(partitions: ReadonlyMap<number, Assigned>): void;
  fetched(partition: number, fetched: Fetched): void;
  /** The log begins anew behind our position (the topic was made again): nothing of what we know of it holds. */
  reset(partition: number, position: number): void;
  /** Where to fetch a partition from; undefined where it is not ours, or enough of it is here. */
  wanted(partition: number): number | undefined;
  /** The group's coordinator, or the log, has answered. */
  alive(what: "heartbeat" | "fetch"): void;
  /** It is no member any more, and does not become one by itself. */
  lost(error: unknown): void;
}

/** A member of a consumer group that reads one topic, by whatever client or broker. */
export interface Member {
  /** Some partition wants more than it did. */
  wake(): void;
  /**
   * Commits positions of partitions that are ours at the time of the call. Fenced by the broker where we are no
   * member any more. Rejects where that is not certain.
   */
  commit(positions: ReadonlyMap<number, number>): Promise<void>;
  /** Leaves the group. Resolves soon, whatever the broker does. */
  close(): Promise<void>;
}

export interface MemberOptions {
  readonly group: string;
  readonly topic: string;
}

/** Joins a group. Rejects where that is not possible now. */
export type ConnectMember = (
  options: MemberOptions,
  events: MemberEvents,
  signal: AbortSignal,
) => Promise<Member>;

/** Timing that all members of a group share. */
export interface GroupTiming {
  /** After so long without a heartbeat a member is none any more. */
  readonly sessionTimeoutMs: number;
  /** How long a rebalance waits for its members. */
  readonly rebalanceTimeoutMs: number;
  readonly heartbeatMs: number;
}

export const GROUP_TIMING: GroupTiming = {
  sessionTimeoutMs: 30_000,
  rebalanceTimeoutMs: 60_000,
  heartbeatMs: 3000,
};
