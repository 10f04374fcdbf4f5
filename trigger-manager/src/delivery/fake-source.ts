import type { Credit, Revocation, Settlement, Source, SourceEvent } from "./source.ts";

/** What the fake broker keeps of an event that nobody has settled for good. */
interface Kept {
  readonly name: string;
  readonly partition: string;
  readonly key: string | undefined;
  failures: number;
  failedAtMs: number | undefined;
  /** The copy that somebody holds. */
  lease: SourceEvent | undefined;
  leaseUntilMs: number;
  dueAtMs: number;
}

export interface FakeSourceOptions {
  readonly now: () => number;
  readonly redelivers: boolean;
  /** Leases end after this without an extension. Default 30 s. */
  readonly leaseMs?: number | undefined;
  /** Whether the next settlement, pull or extension fails. Default never. */
  readonly fails?: ((what: "settle" | "pull" | "extend") => boolean) | undefined;
  /** What settlements wait for before they take effect. */
  readonly settling?: (() => Promise<void>) | undefined;
  /** Every settlement that is not fenced off, before it takes effect. */
  readonly onSettled?: ((settlement: Settlement) => void) | undefined;
}

export interface FakeSource {
  /** A consumer: what a replica has. A crashed one hears and says nothing more. */
  connect(): Source & { crash(): void };
  publish(name: string, place?: { partition?: string; key?: string }): void;
  /** Takes events away from whoever has them: a rebalance, or with `cut` a cancellation for good. */
  revoke(isMeant: (event: SourceEvent) => boolean, cut: boolean): void;
  /** Wakes consumers that wait for an event whose time has come. */
  tick(): void;
  readonly settled: readonly { readonly name: string; readonly settlement: Settlement }[];
  readonly pending: readonly string[];
  readonly extended: ReadonlyMap<string, number>;
  /** How often an event was taken from somebody who had not settled it; no more executions than these are one too many. */
  readonly takenAway: number;
  readonly credits: readonly Credit[];
}

/** A broker in memory with leases, delays and counts, whose faults are the test's to order. */
export function createFakeSource(options: FakeSourceOptions): FakeSource {
  const { now, redelivers, leaseMs = 30_000, fails = () => false } = options;
  const log: Kept[] = [];
  const settled: { name: string; settlement: Settlement }[] = [];
  const extended = new Map<string, number>();
  const credits: Credit[] = [];
  let takenAway = 0;
  const waiting = new Set<() => void>();
  const listeners = new Map<object, (revocation: Revocation) => void>();
  const owners = new Map<SourceEvent, { kept: Kept; owner: object }>();

  const isFree = (kept: Kept): boolean =>
    kept.dueAtMs <= now() && (kept.lease === undefined || kept.leaseUntilMs <= now());
  const give = (kept: Kept, owner: object): SourceEvent => {
    const event: SourceEvent = {
      id: kept.name,
      body: Buffer.from(JSON.stringify(kept.name)),
      json: true,
      headers: {},
      attempt: kept.failures + 1,
      ageMs: kept.failedAtMs === undefined ? 0 : now() - kept.failedAtMs,
      partition: kept.partition,
      key: kept.key,
      source: "fake",
    };
    if (kept.lease !== undefined) takenAway += 1;
    kept.lease = event;
    kept.leaseUntilMs = now() + leaseMs;
    owners.set(event, { kept, owner });
    return event;
  };
  const take = (credit: Credit, owner: object): SourceEvent[] => {
    const rooms = new Map<string, number>();
    const taken: SourceEvent[] = [];
    const closed = new Set<string>();
    for (const kept of log) {
      if (taken.length >= credit.events) break;
      const room = rooms.get(kept.partition) ?? credit.room(kept.partition);
      // Without redelivery a partition is read in order: nothing overtakes what somebody else still has.
      const isReady = isFree(kept) && room > 0 && !closed.has(kept.partition);
      if (!isReady) {
        if (!redelivers && kept.lease !== undefined && owners.get(kept.lease)?.owner !== owner)
          closed.add(kept.partition);
        continue;
      }
      rooms.set(kept.partition, room - 1);
      taken.push(give(kept, owner));
    }
    return taken;
  };
  const apply = (settlement: Settlement): void => {
    const kept = owners.get(settlement.event)?.kept;
    if (kept === undefined) return;
    const isOurs = kept.lease === settlement.event;
    // JetStream takes a stale success for the copy of somebody else, too; a stream fences it.
    if (!isOurs && (settlement.kind !== "ack" || !redelivers)) return;
    options.onSettled?.(settlement);
    settled.push({ name: kept.name, settlement });
    if (settlement.kind === "ack" || settlement.kind === "park") {
      const at = log.indexOf(kept);
      if (at !== -1) log.splice(at, 1);
      return;
    }
    if (settlement.counted) kept.failures += 1;
    if (settlement.failure !== undefined) kept.failedAtMs ??= now();
    if (settlement.kind === "hold") return;
    kept.lease = undefined;
    kept.dueAtMs = now() + settlement.delayMs;
    tick();
  };
  const tick = (): void => {
    for (const wake of waiting) wake();
  };

  return {
    connect() {
      const owner = {};
      let crashed = false;
      const never = new Promise<never>(() => {});
      return {
        extendEveryMs: leaseMs / 3,
        redelivers,
        async pull(credit, signal) {
          credits.push(credit);
          for (;;) {
            signal.throwIfAborted();
            if (crashed) return never;
            if (fails("pull")) throw new Error("the broker does not answer");
            const taken = take(credit, owner);
            if (taken.length > 0) return taken;
            const { promise, resolve } = Promise.withResolvers<void>();
            waiting.add(resolve);
            signal.addEventListener("abort", () => resolve(), { once: true });
            await promise;
            waiting.delete(resolve);
          }
        },
        async extend(events) {
          if (crashed) return never;
          if (fails("extend")) throw new Error("the broker does not answer");
          const lost: SourceEvent[] = [];
          for (const event of events) {
            const kept = owners.get(event)?.kept;
            if (kept?.lease !== event) {
              lost.push(event);
              continue;
            }
            kept.leaseUntilMs = now() + leaseMs;
            extended.set(kept.name, (extended.get(kept.name) ?? 0) + 1);
          }
          if (lost.length > 0) listeners.get(owner)?.({ events: lost, cut: false });
        },
        async settle(settlements) {
          if (crashed) return never;
          await options.settling?.();
          if (fails("settle")) throw new Error("the broker does not answer");
          settlements.forEach(apply);
        },
        onRevoked: (listener) => void listeners.set(owner, listener),
        crash() {
          crashed = true;
          listeners.delete(owner);
        },
      };
    },
    publish(name, { partition = "", key } = {}) {
      const fresh = { failures: 0, failedAtMs: undefined, lease: undefined, leaseUntilMs: 0, dueAtMs: 0 };
      log.push({ name, partition, key, ...fresh });
      tick();
    },
    revoke(isMeant, cut) {
      const taken = new Map<object, SourceEvent[]>();
      for (const kept of log.filter(({ lease }) => lease !== undefined && isMeant(lease))) {
        const event = kept.lease as SourceEvent;
        const owner = owners.get(event)?.owner as object;
        taken.set(owner, [...(taken.get(owner) ?? []), event]);
        kept.lease = undefined;
        takenAway += 1;
        if (cut) log.splice(log.indexOf(kept), 1);
      }
      for (const [owner, events] of taken) listeners.get(owner)?.({ events, cut });
      tick();
    },
    tick,
    settled,
    get pending() {
      return log.map(({ name }) => name);
    },
    extended,
    get takenAway() {
      return takenAway;
    },
    credits,
  };
}
