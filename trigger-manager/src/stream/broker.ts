import type { StreamPosition } from "@hanzo-fn/store";
import type { ConnectMember, GroupTiming } from "./member.ts";

export interface GroupRequest {
  readonly group: string;
  readonly topic: string;
  /** Where a new group begins; pinned at once, so that what is published from now on is not missed. */
  readonly startOffset: "latest" | "earliest";
  /** Positions of the trigger from before, for a group that has lost its own. */
  readonly saved: readonly StreamPosition[];
}

export interface EnsuredGroup {
  /** To be remembered: only a group that was made here may be removed. */
  readonly created: boolean;
  /**
   * Partitions that had no position, with the one they get. To be kept: a group that is being read (by another trigger,
   * of another topic) takes positions from its members only.
   */
  readonly positions: readonly StreamPosition[];
}

export interface PartitionLag {
  readonly partition: number;
  /** Everything before it is done, or gone. */
  readonly position: number;
  /** Records that can be read and are not done. */
  readonly items: number;
  /** Age of the oldest of them in milliseconds; 0 where there is none. */
  readonly ms: number;
}

export interface StreamLag {
  readonly partitions: readonly PartitionLag[];
  /** Sum over the partitions. */
  readonly items: number;
  /** Of the oldest record that is not done, in seconds. */
  readonly seconds: number;
}

/**
 * Topics and consumer groups, wherever they live. Errors are `PlatformError`s: `not_found` for a topic that is not
 * there, `unavailable` where the broker does not answer.
 */
export interface StreamBroker {
  /** First part of the ids of its events: `<prefix>:<topic>:<partition>:<offset>`. */
  readonly prefix: "kafka" | "log";
  readonly timing: GroupTiming;
  /**
   * Makes the group, or adopts one with its positions; partitions without a position get one. Before a trigger is
   * acknowledged, and again before it is resumed.
   */
  ensureGroup(request: GroupRequest, signal: AbortSignal): Promise<EnsuredGroup>;
  /**
   * The next offset of each partition. A topic of the platform's own is made where it is missing; any other one that is
   * missing is `not_found`.
   */
  ends(
    place: { readonly group: string; readonly topic: string },
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, number>>;
  readonly connect: ConnectMember;
  /** Rejects where it is not known for every partition: an error is never a lag of 0. */
  lag(place: { readonly group: string; readonly topic: string }, signal: AbortSignal): Promise<StreamLag>;
  /** Its positions in this topic, and the group where it has no others. One that is not there is no error; one with members is. */
  removeGroup(place: { readonly group: string; readonly topic: string }, signal: AbortSignal): Promise<void>;
  /** Removes what time has ended; for a broker that does so by itself it is nothing. To be called every minute. */
  sweep(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function totalLag(partitions: readonly PartitionLag[]): StreamLag {
  const oldestMs = Math.max(0, ...partitions.map(({ ms }) => ms));
  return {
    partitions,
    items: partitions.reduce((sum, { items }) => sum + items, 0),
    seconds: oldestMs / 1000,
  };
}
