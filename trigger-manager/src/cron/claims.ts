import { cronRunId, type CronTrigger } from "@hanzo-fn/contract";
import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { CronFireKey, CronFireRow, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Credit, Source, SourceEvent } from "../delivery/index.ts";
import { createGroupCommit } from "../group-commit.ts";
import { createWaker } from "../waker.ts";
import { type CronLease, fireEvent, fireSettlement } from "./outcome.ts";
import { runsAlone } from "./overlap.ts";

export interface ClaimsDependencies {
  readonly store: Pick<Store, "withTransaction" | "cronFires">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  /** This replica, in one life of it. */
  readonly owner: string;
  /** How long a claimed run is held without a word. Default 30 s. */
  readonly leaseMs?: number | undefined;
  /** A fire was claimed for its first attempt, so many milliseconds after it was due. */
  readonly onLate: (lateMs: number) => void;
}

/** Claims what schedules fired for all triggers of a replica together: idle triggers cost nothing each. */
export interface Claims extends Service {
  source(triggerId: string, trigger: CronTrigger): Source;
  /** Fires may have become due. */
  wake(): void;
  /** Cuts the calls of these runs, where they are here: they were ended. */
  cut(fires: readonly CronFireKey[]): void;
}

/** Who waits for a fire of a trigger. */
interface Pull {
  readonly triggerId: string;
  readonly trigger: CronTrigger;
  readonly credit: Credit;
  readonly give: (events: readonly SourceEvent[]) => void;
  readonly onLost: (event: SourceEvent) => void;
}

interface Held {
  readonly event: SourceEvent;
  readonly lease: CronLease;
  readonly lose: () => void;
}

const LEASE_MS = 30_000;
/** What others record, give back or leave is noticed after this at the latest. */
const LOOK_EVERY_MS = 1000;
/** A run that replaces another on another replica ends it within this. */
const REPLACED_AFTER_MS = 1000;
/** Another replica decides on a trigger at the moment. */
const AGAIN_MS = 50;
const PAGE = 500;
/** Fires that a replica holds: twice what it runs at once (events.md 4.0). */
const MOST_HELD = 1024;
const TOGETHER = { items: 500 };

export function createClaims(deps: ClaimsDependencies): Claims {
  const { store, clock, log, owner, onLate, leaseMs = LEASE_MS } = deps;
  const fires = store.cronFires;
  const stopped = new AbortController();
  const waker = createWaker(clock);
  const pulls = new Map<string, Pull>();
  const held = new Map<string, Held>();
  const leases = new WeakMap<SourceEvent, CronLease>();
  /** Triggers with fires that were due and not taken: a place that becomes free here is worth a look. */
  const left = new Set<string>();
  const settleTogether = createGroupCommit(fires.settle, TOGETHER);
  const renewTogether = createGroupCommit(
    (batch: readonly CronLease[]) => fires.renew(batch, leaseMs),
    TOGETHER,
  );
  let after: { triggerId: string } | undefined;
  let loop: Promise<void> | undefined;

  const lookAgain = (triggerId: string): void => {
    if (left.delete(triggerId)) waker.wake();
  };
  const give = async (rows: readonly CronFireRow[]): Promise<void> => {
    const unwanted: CronFireRow[] = [];
    for (const [triggerId, group] of Map.groupBy(rows, (row) => row.triggerId)) {
      const pull = pulls.get(triggerId);
      pulls.delete(triggerId);
      if (pull === undefined) unwanted.push(...group);
      else pull.give(group.map((row) => take(row, pull)));
    }
    // It stopped waiting while they were claimed.
    await fires.release(unwanted);
  };
  const take = (row: CronFireRow, { trigger, onLost }: Pull): SourceEvent => {
    const event = fireEvent(row, trigger);
    leases.set(event, row);
    held.set(event.id, { event, lease: row, lose: () => onLost(event) });
    const isFirst = row.leaseEpoch === 1 && row.redriveOf === null && row.startedAt !== null;
    if (isFirst) onLate((row.startedAt?.getTime() ?? 0) - row.runAt.getTime());
    return event;
  };
  /** Of triggers whose runs may overlap. */
  const claimBeside = (waiting: readonly Pull[], limit: number): Promise<CronFireRow[]> =>
    fires.claim({
      owner,
      leaseMs,
      limit,
      lanes: waiting.map(({ triggerId, credit }) => ({ triggerId, limit: credit.events })),
    });
  /** Of triggers of which one runs at a time: who claims holds their schedules, so that nobody else looks meanwhile. */
  const claimAlone = async (waiting: readonly Pull[], limit: number): Promise<[CronFireRow[], number]> => {
    if (waiting.length === 0) return [[], 0];
    return store.withTransaction(async (tx) => {
      const mine = await tx.cronSchedules.hold(waiting.map(({ triggerId }) => triggerId));
      const keys = await tx.cronFires.nextAlone(mine);
      const rows = await tx.cronFires.claim({ owner, leaseMs, limit, keys });
      return [rows, waiting.length - mine.length];
    });
  };
  /** True where others hold some of them. */
  const claimOf = async (triggerIds: readonly string[]): Promise<boolean> => {
    const waiting = triggerIds.flatMap((id) => pulls.get(id) ?? []);
    const room = MOST_HELD - held.size;
    const [beside, alone] = [false, true].map((is) =>
      waiting.filter(({ trigger }) => runsAlone(trigger.overlap) === is),
    ) as [Pull[], Pull[]];
    const [rows, busy] = await claimAlone(alone, room);
    await give(rows);
    if (beside.length > 0) await give(await claimBeside(beside, MOST_HELD - held.size));
    return busy > 0;
  };
  /** One look at all that is due; milliseconds until the next one. */
  const round = async (): Promise<number> => {
    if (pulls.size === 0) return LOOK_EVERY_MS;
    // Asked for first: what becomes due in between is due again at once.
    const next = await fires.nextDueInMs();
    left.clear();
    let isBusy = false;
    for (let isWhole = after === undefined; held.size < MOST_HELD;) {
      const lanes = await fires.dueLanes(PAGE, after);
      const ids = lanes.map(({ lane }) => lane.triggerId);
      for (const id of ids) left.add(id);
      isBusy = (await claimOf(ids)) || isBusy;
      after = lanes.length < PAGE ? undefined : lanes.at(-1)?.lane;
      // A look that began in the middle goes on at the beginning, once.
      if (after === undefined && isWhole) break;
      if (after === undefined) isWhole = true;
    }
    return Math.min(next ?? LOOK_EVERY_MS, isBusy ? AGAIN_MS : LOOK_EVERY_MS);
  };
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      const delayMs = await round().catch((error: unknown) => {
        log.warn("scheduled runs were not claimed this time", { error });
        return LOOK_EVERY_MS;
      });
      await waker.wait(delayMs, stopped.signal);
    }
  };

  const forget = (event: SourceEvent): void => {
    if (held.get(event.id)?.event === event) held.delete(event.id);
    const triggerId = leases.get(event)?.triggerId;
    if (triggerId !== undefined) lookAgain(triggerId);
  };
  const sourceOf = (triggerId: string, trigger: CronTrigger): Source => {
    let onRevoked: Parameters<Source["onRevoked"]>[0] = () => {};
    const onLost = (event: SourceEvent): void => {
      forget(event);
      onRevoked({ events: [event], cut: true });
    };
    return {
      extendEveryMs: trigger.overlap === "replace" ? REPLACED_AFTER_MS : leaseMs / 3,
      redelivers: true,
      onRevoked: (listener) => (onRevoked = listener),
      pull: (credit, signal) =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(signal.reason as Error);
          const onAbort = (): void => {
            if (pulls.get(triggerId) === pull) pulls.delete(triggerId);
            reject(signal.reason as Error);
          };
          const pull: Pull = {
            triggerId,
            trigger,
            credit,
            onLost,
            give(events) {
              signal.removeEventListener("abort", onAbort);
              resolve(events);
            },
          };
          signal.addEventListener("abort", onAbort, { once: true });
          pulls.set(triggerId, pull);
          return lookAgain(triggerId);
        }),
      async extend(events) {
        const ours = events.flatMap((event) => leases.get(event) ?? []);
        const kept = await renewTogether(ours);
        for (const [i, event] of events.entries()) if (kept[i] === false) onLost(event);
      },
      async settle(settlements) {
        const batch = settlements.flatMap((settlement) => {
          const lease = leases.get(settlement.event);
          return (lease && fireSettlement(lease, settlement, trigger)) ?? [];
        });
        await settleTogether(batch);
        for (const { event, kind } of settlements) if (kind !== "hold") forget(event);
      },
    };
  };

  return {
    name: "cron-claims",
    source: sourceOf,
    wake: () => waker.wake(),
    cut(keys) {
      for (const { triggerId, scheduledAt } of keys) held.get(cronRunId(triggerId, scheduledAt))?.lose();
    },
    start() {
      loop ??= run();
      return Promise.resolve();
    },
    async stop() {
      stopped.abort(new Error("the claims of scheduled runs are stopping"));
      await loop;
    },
  };
}
