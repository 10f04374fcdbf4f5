import { abortable, type Backoff, backoffDelay, type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { ConnectMember, GroupTiming, Member, MemberEvents, MemberOptions } from "./member.ts";

export interface KeeperDependencies {
  readonly connect: ConnectMember;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

export interface KeeperEvents extends Omit<MemberEvents, "alive" | "lost"> {
  /** Some partition is ours and wants records: its log has to answer. */
  isFetching(): boolean;
  /** There is a member; its first assignment, and what that brought, may have come before. */
  joined(): void;
  /** The member is no more; nothing is ours until the next assignment. */
  gone(reason: string): void;
}

/** Keeps one member of a group alive: connects, watches, and makes another one where it fell silent or was lost. */
export interface MemberKeeper {
  readonly member: Member | undefined;
  /** Why there is no working member; undefined where there is one, or the first one is on its way. */
  readonly stalled: string | undefined;
  start(): void;
  /** Leaves the group. */
  stop(): Promise<void>;
}

const AGAIN: Backoff = { initialMs: 200, factor: 2, maxMs: 30_000 };
/** A member that lived for so long did not fail at once. */
const LIVED_MS = 10_000;
/** A log that was asked and has not said for so long that there is nothing new is not asked any more. */
const FETCH_SILENCE_MS = 15_000;
const CLOSE_MS = 5000;

export function keepMember(
  deps: KeeperDependencies,
  options: MemberOptions,
  events: KeeperEvents,
  timing: GroupTiming,
): MemberKeeper {
  const { connect, clock, log } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  let member: Member | undefined;
  let stalled: string | undefined;
  let running: Promise<void> | undefined;

  const close = (one: Member): Promise<void> =>
    withDeadline(clock, CLOSE_MS, new AbortController().signal, () => one.close()).catch((error: unknown) =>
      log.warn("a member of a group could not leave", { error, ...options }),
    );
  const join = async (listener: MemberEvents): Promise<Member> => {
    const joining = (stop: AbortSignal): Promise<Member> =>
      connect(options, listener, stop).then((joined) => {
        if (stop.aborted) void close(joined);
        return joined;
      });
    return withDeadline(clock, timing.rebalanceTimeoutMs + timing.sessionTimeoutMs, signal, joining);
  };
  const watch = async (seen: { heartbeatMs: number; fetchMs: number }, stop: AbortSignal): Promise<never> => {
    for (;;) {
      await clock.sleep(timing.heartbeatMs, stop);
      const now = clock.monotonic();
      if (!events.isFetching()) seen.fetchMs = now;
      const silentMs = now - seen.heartbeatMs;
      if (silentMs > timing.sessionTimeoutMs) {
        throw new Error(`the group's coordinator has not answered for ${Math.round(silentMs / 1000)} s`);
      }
      if (now - seen.fetchMs > FETCH_SILENCE_MS) {
        throw new Error(`the log has not answered for ${FETCH_SILENCE_MS / 1000} s`);
      }
    }
  };
  /** One member, from its first word to its end; rejects with the reason. */
  const live = async (): Promise<never> => {
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    const over = new AbortController();
    const now = clock.monotonic();
    const seen = { heartbeatMs: now, fetchMs: now };
    const isOver = (): boolean => over.signal.aborted;
    const listener: MemberEvents = {
      revoking: (staying) => (isOver() ? Promise.resolve() : events.revoking(staying)),
      assigned(partitions) {
        if (isOver()) return;
        stalled = undefined;
        seen.heartbeatMs = clock.monotonic();
        events.assigned(partitions);
      },
      fetched: (partition, fetched) => void (isOver() || events.fetched(partition, fetched)),
      reset: (partition, position) => void (isOver() || events.reset(partition, position)),
      wanted: (partition) => (isOver() ? undefined : events.wanted(partition)),
      alive(what) {
        if (what === "heartbeat") seen.heartbeatMs = clock.monotonic();
        else seen.fetchMs = clock.monotonic();
      },
      lost: (error) => lost.reject(error as Error),
    };
    try {
      member = await abortable(Promise.race([join(listener), lost.promise]), signal);
      member.wake();
      events.joined();
      seen.heartbeatMs = clock.monotonic();
      return await Promise.race([lost.promise, watch(seen, AbortSignal.any([signal, over.signal]))]);
    } finally {
      over.abort(new Error("the member is over"));
      const old = member;
      member = undefined;
      if (old !== undefined) await close(old);
    }
  };
  const run = async (): Promise<void> => {
    for (let failures = 1; !signal.aborted; failures++) {
      const startedMs = clock.monotonic();
      const error = await live().catch((reason: unknown) => reason);
      const reason = error instanceof Error ? error.message : String(error);
      events.gone(signal.aborted ? "stopped" : reason);
      if (signal.aborted) return;
      stalled = reason;
      log.warn("a member of a group is made anew", { error, ...options });
      if (clock.monotonic() - startedMs > LIVED_MS) failures = 1;
      await clock.sleep(backoffDelay(AGAIN, failures), signal).catch(() => {});
    }
  };
  return {
    get member() {
      return member;
    },
    get stalled() {
      return stalled;
    },
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort(new Error("the member is stopping"));
      await running;
    },
  };
}
