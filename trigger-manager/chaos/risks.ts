import type { FaultRecord } from "./evidence.ts";
import { GROUP_TIMING, LEASE_MS, type SourceName } from "./settings.ts";

/** How long events of a source are in danger, beyond the fault and the call themselves. */
export interface Risk {
  /** From the end of a call until its settlement, or the commit that covers it, is surely kept. */
  readonly settledMs: number;
  /** From the end of a fault until every replica knows what is still its own. */
  readonly recoveryMs: number;
}

/** For the round trip of a settlement on a machine that is busy. */
const SETTLED_MS = 1000;
/** Positions are committed once a second. */
const COMMITTED_MS = 1000 + SETTLED_MS;
const NOTICED_MS = 2000;
const leased: Risk = { settledMs: SETTLED_MS, recoveryMs: LEASE_MS + NOTICED_MS };

export const RISKS: Readonly<Record<SourceName, Risk>> = {
  cron: leased,
  mq: leased,
  tasks: leased,
  stream: {
    settledMs: COMMITTED_MS,
    recoveryMs: GROUP_TIMING.sessionTimeoutMs + GROUP_TIMING.rebalanceTimeoutMs + NOTICED_MS,
  },
};

/** Whose events a fault may run again: those of the replica that it hits, or of all. */
type Reach = "none" | "replica" | "all";

const oneReplica = { cron: "replica", mq: "replica", tasks: "replica", stream: "all" } as const;
const everybody = { cron: "all", mq: "all", tasks: "all", stream: "all" } as const;
const nobody = { cron: "none", mq: "none", tasks: "none", stream: "none" } as const;

/** A change of the members of a group moves partitions of all of them. A clock moves nothing. */
const REACH: Readonly<Record<FaultRecord["kind"], Readonly<Record<SourceName, Reach>>>> = {
  kill: oneReplica,
  stop: oneReplica,
  "join-leave": { ...nobody, stream: "all" },
  clock: nobody,
  "cut-database": oneReplica,
  "slow-database": oneReplica,
  "disconnect-database": everybody,
  "crash-database": everybody,
  "cut-nats": { ...nobody, mq: "replica" },
  "slow-nats": { ...nobody, mq: "replica" },
  "crash-nats": { ...nobody, mq: "all" },
  "cut-kafka": { ...nobody, stream: "all" },
  "slow-kafka": { ...nobody, stream: "all" },
  "crash-kafka": { ...nobody, stream: "all" },
  start: { ...nobody, stream: "all" },
  "stalled-replica": oneReplica,
  "stalled-database": everybody,
};

/** @param by the replica, in one life of it, that had the event */
export function affects({ kind, by: hit }: FaultRecord, source: SourceName, by: string): boolean {
  const reach = REACH[kind][source];
  return reach === "all" || (reach === "replica" && by === hit);
}
