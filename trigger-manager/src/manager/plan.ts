import type { FunctionAggregate, RevisionRow, TriggerRow } from "@hanzo-fn/store";
import { type DeliverySettings, deliverySettings } from "../delivery/index.ts";
import { type Destinations, destinationsOf } from "../destinations.ts";
import type { EventTrigger, Served, TriggerKind } from "./kind.ts";

/** A delivery that there should be. */
export interface Wanted {
  readonly trigger: Served;
  readonly settings: DeliverySettings;
  readonly destinations: Destinations;
  /** Revisions that take calls, by number. */
  readonly serving: readonly number[];
  /** Whatever is as it was is left alone: two wishes of the same words are the same wish. */
  readonly words: string;
}

/** What the rows of one function ask for. */
export interface Plan {
  readonly deliveries: readonly Wanted[];
  /** They would be delivered if it were not for this. */
  readonly blocked: ReadonlyMap<string, string>;
  /** Deleted ones, whose remains are to be removed. */
  readonly removals: readonly Served[];
}

export type Kinds = ReadonlyMap<string, TriggerKind>;

export function servedTrigger(row: Pick<TriggerRow, "id" | "org" | "function" | "spec">): Served {
  const { id, org, function: fn, spec } = row;
  return { id, org, function: fn, spec: spec as unknown as EventTrigger };
}

/** With several revisions a call may go to any of them: the longest time, and the most at once. */
function factsOf(serving: readonly RevisionRow[], maxInstances: number) {
  return {
    timeoutMs: Math.max(...serving.map(({ resources }) => resources.timeoutMs)),
    maxConcurrency:
      Math.max(1, maxInstances) * Math.max(...serving.map(({ resources }) => resources.concurrency)),
  };
}

/** Its first revision is still being made: its events wait for that, and nothing is wrong. */
function isOnItsWay(aggregate: FunctionAggregate | undefined): boolean {
  const newest = aggregate?.revisions[0];
  return newest !== undefined && newest.state !== "ready" && newest.state !== "failed";
}

/**
 * @param aggregate undefined where the function is gone
 * @param rows its triggers, also those that outlive it
 */
export function planOf(
  aggregate: FunctionAggregate | undefined,
  rows: readonly TriggerRow[],
  kinds: Kinds,
): Plan {
  const deliveries: Wanted[] = [];
  const blocked = new Map<string, string>();
  const removals: Served[] = [];
  const serving = (aggregate?.revisions ?? []).filter(({ percent }) => percent > 0);
  for (const row of rows) {
    const kind = kinds.get(row.type);
    if (kind === undefined || row.state === "paused") continue;
    const trigger = servedTrigger(row);
    if (row.state === "deleting") {
      removals.push(trigger);
    } else if (aggregate === undefined || serving.length === 0) {
      if (!isOnItsWay(aggregate)) blocked.set(row.id, `no revision of ${row.function} takes calls`);
    } else {
      const facts = factsOf(serving, aggregate.function.scaling.maxInstances);
      const settings = deliverySettings(trigger.spec, { ...facts, attempts: kind.attempts(trigger.spec) });
      const numbers = serving.map(({ number }) => number);
      const destinations = destinationsOf(aggregate.function.manifest);
      const words = JSON.stringify([trigger.spec, settings, numbers, destinations]);
      deliveries.push({ trigger, settings, destinations, serving: numbers, words });
    }
  }
  return { deliveries, blocked, removals };
}
