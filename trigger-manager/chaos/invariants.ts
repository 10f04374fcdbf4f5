import { risksOf } from "./at-risk.ts";
import type { Execution, FaultRecord, LagReading, Publication, Revoked } from "./evidence.ts";
import { judgeReadings, type LagReport } from "./lag-truth.ts";
import { outOfOrder } from "./order-of-records.ts";
import { affects, RISKS } from "./risks.ts";
import { IN_FLIGHT, SOURCES, type SourceName } from "./settings.ts";

/** An accepted event that was given up. */
export interface Parked {
  readonly source: SourceName;
  readonly event: string;
  readonly key: string;
  readonly isPoison: boolean;
  readonly atMs: number;
}

/** All that is known of a run when it is over. */
export interface Evidence {
  readonly executions: readonly Execution[];
  readonly revoked: readonly Revoked[];
  readonly faults: readonly FaultRecord[];
  /** By what they are about: numbers of messages, ids of tasks, ids of runs that the schedules should have had. */
  readonly accepted: Readonly<Record<SourceName, ReadonlySet<string>>>;
  readonly parked: readonly Parked[];
  /** What is wrong with a record by itself: a time that is there twice or not at all, a task that ended twice. */
  readonly wrongRecords: readonly { readonly source: SourceName; readonly problem: string }[];
  readonly published: readonly Publication[];
  readonly readings: readonly LagReading[];
  /** How long events came in. */
  readonly forMs: number;
}

export interface SourceReport {
  readonly source: SourceName;
  readonly accepted: number;
  /** Accepted ones that succeeded at least once. */
  readonly executed: number;
  readonly parked: number;
  readonly lost: readonly string[];
  /** Executions after one that had succeeded, or whose end nobody saw. */
  readonly duplicates: number;
  readonly bound: number;
  /** Duplicates that no fault accounts for. */
  readonly unexplained: readonly string[];
  /** Absent where nothing of the source waits at a broker. */
  readonly lags?: LagReport | undefined;
  readonly problems: readonly string[];
  readonly passed: boolean;
}

/** What failed is to run again: only what may have had its effect can have it twice. */
const mayHaveWorked = ({ outcome }: Execution): boolean => outcome !== "failed";

/** Whether a fault makes an execution run again. */
type Hits = (fault: FaultRecord, execution: Execution) => boolean;

function hitsOf(source: SourceName, executions: readonly Execution[]): Hits {
  const { recoveryMs } = RISKS[source];
  const atRisk = risksOf(source, executions);
  return (fault, execution) => {
    if (!affects(fault, source, execution.by)) return false;
    const [fromMs, toMs] = atRisk(execution);
    return fromMs <= fault.untilMs + recoveryMs && fault.fromMs <= toMs;
  };
}

/**
 * Why an event ran again: its earlier execution was cut short, or not settled; or the later one is of a replica that had
 * claimed it before, and was asleep or out of reach when its lease ended.
 */
function explains(hits: Hits, fault: FaultRecord, earlier: Execution, later: Execution): boolean {
  return hits(fault, earlier) || (fault.kind !== "kill" && hits(fault, later));
}

/** Events that one fault may have run again: what was in flight by what was seen, and by the settings. */
function boundOf(hits: Hits, fault: FaultRecord, of: SourceName, executions: readonly Execution[]): number {
  const seen = executions.filter((one) => mayHaveWorked(one) && hits(fault, one));
  if (of === "stream") return seen.filter(({ by }) => fault.kind === "kill" && by === fault.by).length;
  const replicas = new Set(seen.map(({ by }) => by)).size;
  return Math.min(seen.length, replicas * IN_FLIGHT[of]);
}

function judgeSource(evidence: Evidence, source: SourceName): SourceReport {
  const executions = evidence.executions.filter((one) => one.source === source);
  const hits = hitsOf(source, executions);
  const accepted = evidence.accepted[source];
  const parked = evidence.parked.filter((one) => one.source === source);
  const succeeded = new Set(executions.filter(({ outcome }) => outcome === "ok").map(({ key }) => key));
  const givenUp = new Set(parked.map(({ key }) => key));
  const lost = [...accepted].filter((key) => !succeeded.has(key) && !givenUp.has(key));
  const unexplained: string[] = [];
  let duplicates = 0;
  for (const [event, all] of Map.groupBy(executions, (one) => one.event)) {
    const again = all.filter(mayHaveWorked);
    duplicates += Math.max(0, again.length - 1);
    for (const [i, later] of again.entries()) {
      const earlier = again[i - 1];
      if (earlier !== undefined && !evidence.faults.some((fault) => explains(hits, fault, earlier, later)))
        unexplained.push(`${event} on ${earlier.by}, then on ${later.by}`);
    }
  }
  const told = source === "stream" ? evidence.revoked.reduce((sum, { atRisk }) => sum + atRisk, 0) : 0;
  const bound = evidence.faults.reduce((sum, fault) => sum + boundOf(hits, fault, source, executions), told);
  const lags = source === "mq" || source === "stream" ? judgeReadings(evidence, source) : undefined;
  const problems = [
    ...evidence.wrongRecords.filter((one) => one.source === source).map(({ problem }) => problem),
    ...parked
      .filter(({ isPoison }) => !isPoison)
      .map(({ event }) => `${event} was given up, and is no poison`),
    ...(source === "stream" ? outOfOrder(executions) : []),
    ...(duplicates > bound ? [`${duplicates} duplicates are more than ${bound}`] : []),
    ...(lags?.wrong ?? []),
  ];
  return {
    ...{ source, accepted: accepted.size, lost, duplicates, bound, unexplained, lags, problems },
    executed: [...accepted].filter((key) => succeeded.has(key)).length,
    parked: [...accepted].filter((key) => givenUp.has(key)).length,
    passed: lost.length === 0 && unexplained.length === 0 && problems.length === 0,
  };
}

/** What held and what did not; a decision on the evidence alone. */
export function judge(evidence: Evidence): readonly SourceReport[] {
  return SOURCES.map((source) => judgeSource(evidence, source));
}
