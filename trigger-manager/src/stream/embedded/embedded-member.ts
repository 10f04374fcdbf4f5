import { PlatformError, ulid } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Store, StreamLease, StreamMember } from "@hanzo-fn/store";
import type { Assigned, ConnectMember, GroupTiming, MemberEvents } from "../member.ts";
import { createReader } from "./reader.ts";
import { shareOut } from "./share-out.ts";

/** The part of the store that is the log. */
export type LogStore = Pick<Store, "streamLog" | "streamGroups" | "onStreamAppend">;

export interface EmbeddedParts {
  readonly store: LogStore;
  readonly timing: GroupTiming;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

export function missingTopic(topic: string): PlatformError {
  return new PlatformError("not_found", `there is no topic ${topic}`, {
    component: "trigger-manager",
    next: "Deploy the trigger again, or publish to it: both make it.",
  });
}

interface MembershipParts extends EmbeddedParts {
  readonly me: StreamMember;
  readonly events: MemberEvents;
}

/** Leases of partitions: renewed at each beat, given away where somebody else should have them, and taken. */
function createMembership(parts: MembershipParts, signal: AbortSignal) {
  const { store, timing, clock, log, me, events } = parts;
  const { streamGroups } = store;
  /** What our owner knows of; the epoch with which it is committed. */
  let held = new Map<number, number>();
  /** What our owner was told may not be true. */
  let isUnsure = false;

  const tell = (leases: readonly StreamLease[]): void => {
    const isSame = ({ partition, epoch }: StreamLease): boolean => held.get(partition) === epoch;
    if (!isUnsure && leases.length === held.size && leases.every(isSame)) return;
    const all = leases.map((lease): [number, Assigned] => {
      return [lease.partition, { position: lease.nextOffset, isNew: false, kept: isSame(lease) }];
    });
    held = new Map(leases.map(({ partition, epoch }) => [partition, epoch]));
    isUnsure = false;
    events.assigned(new Map(all));
  };
  const giveAway = async (
    leases: readonly StreamLease[],
    release: readonly number[],
  ): Promise<StreamLease[]> => {
    const left = leases.filter(({ partition }) => !release.includes(partition));
    isUnsure = true;
    await events.revoking(new Set(left.map(({ partition }) => partition)));
    await streamGroups.release(me, release);
    return left;
  };
  const beat = async (): Promise<void> => {
    const { leases, members, partitions } = await streamGroups.beat(me, timing.sessionTimeoutMs);
    if (partitions === 0) throw missingTopic(me.topic);
    events.alive("heartbeat");
    const mine = leases.map(({ partition }) => partition);
    const { release, claim } = shareOut({ partitions, members, me: me.member, mine });
    if (release.length > 0) return tell(await giveAway(leases, release));
    const more = claim > 0 ? await streamGroups.claim(me, claim, timing.sessionTimeoutMs) : [];
    tell([...leases, ...more]);
  };
  return {
    beat,
    async run(): Promise<void> {
      while (!signal.aborted) {
        await clock.sleep(timing.heartbeatMs, signal);
        // A database that is away for a moment is no reason to begin anew: whoever waits for a beat decides that.
        await beat().catch((error: unknown) => {
          if (error instanceof PlatformError && error.code === "not_found") throw error;
          if (!signal.aborted) log.warn("a member of a group could not renew its leases", { error, ...me });
        });
      }
    },
    async commit(positions: ReadonlyMap<number, number>): Promise<void> {
      const leases: StreamLease[] = [];
      for (const [partition, nextOffset] of positions)
        leases.push({ partition, nextOffset, epoch: held.get(partition) ?? -1 });
      const committed = await streamGroups.commit(me, leases);
      if (committed.length < leases.length) throw new Error("a partition is somebody else's by now");
    },
  };
}

/** A member of a group of the log in the database. */
export function connectEmbedded(parts: EmbeddedParts): ConnectMember {
  return async ({ group, topic }, events, signal) => {
    const closing = new AbortController();
    const me: StreamMember = { group, topic, member: ulid(parts.clock.now()) };
    const membership = createMembership({ ...parts, me, events }, closing.signal);
    const reader = createReader({ ...parts, topic, events }, closing.signal);
    signal.throwIfAborted();
    try {
      await membership.beat();
    } catch (error) {
      await parts.store.streamGroups.leave(me).catch(() => {});
      throw error;
    }
    for (const work of [membership.run(), reader.run()])
      work.catch((error: unknown) => {
        if (!closing.signal.aborted) events.lost(error);
      });
    return {
      wake: () => reader.wake(),
      commit: (positions) => membership.commit(positions),
      async close() {
        closing.abort(new Error("the member is closed"));
        await parts.store.streamGroups.leave(me);
      },
    };
  };
}
