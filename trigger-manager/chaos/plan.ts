import { pick, type Random } from "./random.ts";
import { LEASE_MS } from "./settings.ts";

/** What can go wrong (the fault table of the design); the order is that of the report. */
export const FAULT_KINDS = [
  "kill",
  "stop",
  "join-leave",
  "clock",
  "cut-database",
  "slow-database",
  "disconnect-database",
  "crash-database",
  "cut-nats",
  "slow-nats",
  "crash-nats",
  "cut-kafka",
  "slow-kafka",
  "crash-kafka",
] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

/** Whether it happens to one replica, and not to what they share. */
export const hitsOne = (kind: FaultKind): boolean => /^(kill|stop|clock|cut-|slow-)/.test(kind);

export type BrokerChoice = "embedded" | "real";

export interface PlannedFault {
  readonly kind: FaultKind;
  /** The replica that it hits, where it hits one. */
  readonly slot: number;
  /** From the end of the fault before it. */
  readonly afterMs: number;
  /** How long it lasts. */
  readonly forMs: number;
  /** For clocks, which way. */
  readonly jumpMs: number;
}

const HOUR_MS = 3_600_000;

export function kindsFor(broker: BrokerChoice, wanted: readonly FaultKind[]): readonly FaultKind[] {
  const isThere = (kind: FaultKind): boolean => broker === "real" || !/nats|kafka/.test(kind);
  return wanted.filter(isThere);
}

/** The same faults in the same order for the same numbers, for as long as somebody asks. */
export function* planFaults(
  random: Random,
  { kinds, replicas, gapMs }: { kinds: readonly FaultKind[]; replicas: number; gapMs: number },
): Generator<PlannedFault> {
  // Every kind once before any comes again: a short run sees as many of them as it can.
  let left: FaultKind[] = [];
  for (;;) {
    if (left.length === 0) left = [...kinds];
    const kind = pick(random, left);
    left.splice(left.indexOf(kind), 1);
    const slot = Math.floor(random() * replicas);
    const afterMs = Math.round(gapMs * (0.5 + random()));
    const forMs = Math.round(durationOf(kind) * (0.7 + 0.6 * random()));
    const jumpMs = Math.round(HOUR_MS * (random() < 0.5 ? -1 : 1) * (0.1 + random()));
    yield { kind, slot, afterMs, forMs, jumpMs };
  }
}

/** Around this, in milliseconds. */
function durationOf(kind: FaultKind): number {
  switch (kind) {
    // Twice the lease: whatever it held is somebody else's when it wakes up.
    case "stop":
      return 2.2 * LEASE_MS;
    case "cut-database":
    case "cut-nats":
    case "cut-kafka":
      return 1.5 * LEASE_MS;
    case "kill":
      return 500;
    case "disconnect-database":
    case "crash-database":
      return 0;
    default:
      return 3000;
  }
}
