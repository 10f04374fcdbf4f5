import type { Store } from "@hanzo-fn/store";
import type { StreamUnderTest } from "./setup.ts";
import type { Executed, Worker, WorkerOptions } from "./worker.ts";

/** One topic with one group, and what was executed of it. */
export interface Scene {
  readonly t: StreamUnderTest;
  readonly store: Store;
  readonly storeUrl: string;
  readonly triggerId: string;
  readonly group: string;
  readonly topic: string;
  readonly executed: Executed[];
  /** Makes the group at the end of the log, or where told. */
  ensure(startOffset?: "latest" | "earliest"): Promise<{ readonly created: boolean }>;
  serve(options?: WorkerOptions): Promise<Worker>;
  /** `count` records in each of these partitions; their ids. */
  publish(count: number, partitions?: readonly number[]): Promise<readonly string[]>;
  /** Resolves once all of these were executed. */
  done(ids: readonly string[], timeoutMs?: number): Promise<void>;
  /** Resolves once the group has committed so far. */
  committed(offsets: readonly number[]): Promise<void>;
}

export const signal = new AbortController().signal;

export function idOf(t: StreamUnderTest, topic: string, partition: number, offset: number): string {
  return `${t.broker.prefix}:${topic}:${partition}:${offset}`;
}

/** Executions beyond the first of each event. */
export function duplicates(executed: readonly Executed[]): number {
  return executed.length - new Set(executed.map(({ id }) => id)).size;
}

/** Whether each partition's events were executed first in the order of the log. */
export function isInOrder(executed: readonly Executed[]): boolean {
  const last = new Map<string, number>();
  const seen = new Set<string>();
  for (const { id, partition } of executed) {
    if (seen.has(id)) continue;
    seen.add(id);
    const offset = Number(id.split(":").at(-1));
    if (offset < (last.get(partition) ?? -1)) return false;
    last.set(partition, offset);
  }
  return true;
}

/** With the group of another scene, or one of its own. */
export type MakeScene = (partitions?: number, group?: string) => Promise<Scene>;
