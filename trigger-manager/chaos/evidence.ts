import type { FaultKind } from "./plan.ts";
import type { SourceName } from "./settings.ts";

/** How one call of the function ended for one event of it. */
export type Outcome = "ok" | "failed" | "cut";

/** One line of the ledger. Times are milliseconds of the machine's clock, which no fault changes. */
export type LedgerLine =
  | {
      readonly what: "begin";
      readonly atMs: number;
      /** The replica in one life of it: `<slot>.<life>`. */
      readonly by: string;
      readonly call: number;
      readonly source: SourceName;
      readonly event: string;
      readonly attempt: number;
      /** What the event is about: the number of the message, or the event itself. */
      readonly key: string;
    }
  | {
      readonly what: "end";
      readonly atMs: number;
      readonly by: string;
      readonly call: number;
      readonly event: string;
      readonly outcome: Outcome;
    }
  | {
      /** A partition was taken from a replica that lives. */
      readonly what: "revoked";
      readonly atMs: number;
      readonly by: string;
      readonly topic: string;
      readonly partition: number;
      /** Events that were out, and those that were done and not committed: both may run again. */
      readonly out: number;
      readonly uncommitted: number;
    }
  | {
      /** The replica did not run, uninvited: the machine had no time for it. */
      readonly what: "stalled";
      readonly by: string;
      readonly fromMs: number;
      readonly untilMs: number;
    };

/** An event in the hands of the function. */
export interface Execution {
  readonly source: SourceName;
  readonly event: string;
  readonly key: string;
  readonly by: string;
  readonly beganAtMs: number;
  /** Absent where nobody lived to see it. */
  readonly endedAtMs?: number | undefined;
  readonly outcome?: Outcome | undefined;
}

/** Where the platform can tell how much waits at a broker. */
export type QueuedSource = Extract<SourceName, "mq" | "stream">;

/** A message that was sent to a queue or a topic. */
export interface Publication {
  readonly source: QueuedSource;
  readonly key: string;
  readonly target: string;
  /** Absent where the broker never said that it has it. */
  readonly ackedAtMs?: number | undefined;
}

/** A broker has all before `next` as done. */
export interface Position {
  readonly target: string;
  /** Of topics. */
  readonly partition?: number | undefined;
  readonly next: number;
}

/** What the platform told of one trigger, and where its broker had it then. */
export interface LagReading {
  readonly source: QueuedSource;
  readonly target: string;
  readonly fromMs: number;
  readonly toMs: number;
  /** Absent where nothing was told: that is no lag of 0. */
  readonly items?: number | undefined;
  readonly positions: readonly Position[];
}

export interface Revoked {
  readonly by: string;
  readonly atMs: number;
  readonly atRisk: number;
}

export interface FaultRecord {
  /**
   * Beside what was planned: the start, at which partitions move as replicas join; and stalls, where a busy machine lets a
   * replica, or the database, wait for longer than leases bear.
   */
  readonly kind: FaultKind | "start" | "stalled-replica" | "stalled-database";
  /** The life that it hit, for those that hit one replica. */
  readonly by?: string | undefined;
  readonly fromMs: number;
  /** When all was as before, recovery not included. */
  readonly untilMs: number;
}

/** Assembles executions, in the order in which they began. */
export function readLedger(lines: readonly LedgerLine[]): {
  readonly executions: readonly Execution[];
  readonly revoked: readonly Revoked[];
  readonly stalls: readonly FaultRecord[];
} {
  const ends = new Map<string, LedgerLine & { what: "end" }>();
  const revoked: Revoked[] = [];
  const stalls: FaultRecord[] = [];
  const idOf = ({ by, call, event }: { by: string; call: number; event: string }): string =>
    `${by} ${call} ${event}`;
  for (const line of lines) {
    if (line.what === "end") ends.set(idOf(line), line);
    if (line.what === "stalled") {
      const { by, fromMs, untilMs } = line;
      stalls.push({ kind: "stalled-replica", by, fromMs, untilMs });
    }
    if (line.what === "revoked")
      revoked.push({ by: line.by, atMs: line.atMs, atRisk: line.out + line.uncommitted });
  }
  const executions = lines
    .filter((line) => line.what === "begin")
    .map((line): Execution => {
      const end = ends.get(idOf(line));
      const { source, event, key, by, atMs: beganAtMs } = line;
      return { source, event, key, by, beganAtMs, endedAtMs: end?.atMs, outcome: end?.outcome };
    })
    .toSorted((a, b) => a.beganAtMs - b.beganAtMs);
  return { executions, revoked, stalls };
}
