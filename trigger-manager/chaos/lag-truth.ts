import type { Execution, LagReading, Position, Publication, QueuedSource } from "./evidence.ts";
import type { Evidence } from "./invariants.ts";
import { placeOf } from "./order-of-records.ts";

export interface LagReport {
  /** Readings that told a lag, and those that told none: a broker that is down has no lag of 0. */
  readonly answered: number;
  readonly unanswered: number;
  /** What is wrong with them. */
  readonly wrong: readonly string[];
}

/**
 * nats-server acknowledges a message when it is stored, and counts it as pending of a consumer in another goroutine
 * (`signalConsumersLoop` of its stream.go): a count that was asked for right after the acknowledgement may lack it. That takes
 * microseconds, but for a machine that stands still.
 */
const COUNTED_MS: Readonly<Record<QueuedSource, number>> = { mq: 1000, stream: 0 };
/** So long a run has a broker that answers at least once. */
const ANSWERS_IN_MS = 60_000;

type DoneAt = ReadonlyMap<string, number>;

/**
 * From when on each may be told to be done. The function notes a success before it answers, and a dead letter has the time
 * at which its statement began: the broker hears of both later.
 */
function doneAt(
  executions: readonly Execution[],
  parked: Evidence["parked"],
  nameOf: (one: { readonly key: string; readonly event: string }) => string,
): DoneAt {
  const done = new Map<string, number>();
  const note = (name: string, atMs: number): void =>
    void done.set(name, Math.min(atMs, done.get(name) ?? Number.POSITIVE_INFINITY));
  for (const one of executions) if (one.outcome === "ok") note(nameOf(one), one.endedAtMs ?? Infinity);
  for (const one of parked) note(nameOf(one), one.atMs);
  return done;
}

const at = (ms: number): string => new Date(ms).toISOString().slice(11, 23);

/** What waited for certain, however long the reading took: the broker had it before, and it was not done after it. */
function tooSmall(
  readings: readonly LagReading[],
  published: readonly Publication[],
  done: DoneAt,
): string[] {
  const endOf = ({ key }: Publication): number => done.get(key) ?? Number.POSITIVE_INFINITY;
  const known = published
    .filter(({ ackedAtMs }) => ackedAtMs !== undefined)
    .toSorted((a, b) => (a.ackedAtMs ?? 0) - (b.ackedAtMs ?? 0));
  const wrong: string[] = [];
  let open: Publication[] = [];
  let next = 0;
  for (const { source, target, fromMs, toMs, items } of readings) {
    const beforeMs = fromMs - COUNTED_MS[source];
    for (let one = known[next]; one !== undefined && (one.ackedAtMs ?? 0) < beforeMs; one = known[++next])
      open.push(one);
    open = open.filter((one) => endOf(one) > fromMs);
    if (items === undefined) continue;
    const waiting = open.filter((one) => endOf(one) > toMs);
    if (items >= waiting.length) continue;
    const what = `${waiting.length} waited (${waiting[0]?.key} first)`;
    wrong.push(`a lag of ${items} was told of ${target} at ${at(fromMs)}, and ${what}`);
  }
  return wrong;
}

/** An event in what its broker keeps in order: the queue, or the partition. */
interface Place {
  readonly event: string;
  readonly lane: string;
  readonly at: number;
  readonly doneAtMs: number;
}

const laneOf = ({ target, partition }: Position): string => `${target} ${partition ?? ""}`;

/** `mq:<stream>:<sequence>`, or as `placeOf`. */
function positionOf(source: QueuedSource, event: string, target: string): Position {
  if (source === "mq") return { target, next: Number(event.split(":")[2]) };
  const { topic, partition, offset } = placeOf(event);
  return { target: topic, partition: Number(partition), next: offset };
}

/** Where in the lane, and which event was done last of those up to there. */
interface UpTo {
  readonly at: number;
  readonly last: Place;
}

function lanesOf(places: readonly Place[]): Map<string, readonly UpTo[]> {
  const lanes = new Map<string, readonly UpTo[]>();
  for (const [lane, all] of Map.groupBy(places, (one) => one.lane)) {
    const inOrder = all.toSorted((a, b) => a.at - b.at);
    let last = inOrder[0];
    lanes.set(
      lane,
      inOrder.map((one): UpTo => {
        if (last === undefined || one.doneAtMs > last.doneAtMs) last = one;
        return { at: one.at, last };
      }),
    );
  }
  return lanes;
}

/** What a broker had as done, and was not yet: nothing would bring it back. */
function settledEarly(
  readings: readonly LagReading[],
  lanes: ReadonlyMap<string, readonly UpTo[]>,
): string[] {
  const wrong: string[] = [];
  for (const { positions, toMs } of readings)
    for (const position of positions) {
      const { last } = lanes.get(laneOf(position))?.findLast((one) => one.at < position.next) ?? {};
      if (last === undefined || last.doneAtMs <= toMs) continue;
      wrong.push(`the broker had ${last.event} of ${position.target} as done at ${at(toMs)}, and it was not`);
    }
  return wrong;
}

/** The last word is said when all has come to its end, and nothing is broken any more. */
function leftOver(readings: readonly LagReading[], target: string): string[] {
  const { items } = readings.at(-1) ?? {};
  if (items === 0) return [];
  return [`${items === undefined ? "no lag" : `a lag of ${items}`} was told of ${target} at the end of all`];
}

/** Whether what the platform told of lag was true, and what its brokers had as done was done. */
export function judgeReadings(evidence: Evidence, source: QueuedSource): LagReport {
  const readings = evidence.readings.filter((one) => one.source === source);
  const executions = evidence.executions.filter((one) => one.source === source);
  const parked = evidence.parked.filter((one) => one.source === source);
  const published = evidence.published.filter((one) => one.source === source);
  const byKey = doneAt(executions, parked, ({ key }) => key);
  const byEvent = doneAt(executions, parked, ({ event }) => event);
  const targets = new Map(published.map(({ key, target }) => [key, target]));
  const events = new Map([...executions, ...parked].map(({ event, key }) => [event, key]));
  const places = [...events].map(([event, key]): Place => {
    const position = positionOf(source, event, targets.get(key) ?? "");
    const doneAtMs = byEvent.get(event) ?? Number.POSITIVE_INFINITY;
    return { event, lane: laneOf(position), at: position.next, doneAtMs };
  });
  const answered = readings.filter(({ items }) => items !== undefined).length;
  const wrong = settledEarly(readings, lanesOf(places));
  for (const [target, own] of Map.groupBy(readings, (one) => one.target)) {
    const sent = published.filter((one) => one.target === target);
    wrong.push(...tooSmall(own, sent, byKey), ...leftOver(own, target));
  }
  if (answered === 0 && evidence.forMs >= ANSWERS_IN_MS) wrong.push("no lag was ever told");
  return { answered, unanswered: readings.length - answered, wrong };
}
