import type { EventAttemptQueries, EventAttempts } from "@hanzo-fn/store";
import type { Settlement } from "../delivery/source.ts";

/**
 * Counted failures of a trigger's events. A broker's own counts include throttling and returned events, and can be
 * wrong, so they are kept beside it; written on failures alone.
 */
export interface AttemptBook {
  /** Of events that were delivered before. */
  of(ids: readonly string[]): Promise<ReadonlyMap<string, EventAttempts>>;
  /** What failed in these settlements, each once, however often it is asked to. */
  record(settlements: readonly Settlement[]): Promise<void>;
  /** Those of them that had failed before are done. */
  forget(settlements: readonly Settlement[]): Promise<void>;
}

export function createAttemptBook(queries: EventAttemptQueries, triggerId: string): AttemptBook {
  /** Settlements are tried again until the broker has heard them; their failures count once. */
  const recorded = new WeakSet<Settlement>();
  /** Events of which there may be something to forget. */
  const failed = new WeakSet<Settlement["event"]>();
  return {
    of: (ids) => queries.of(triggerId, ids),
    async record(settlements) {
      const fresh = settlements.filter(
        (one) =>
          (one.kind === "retry" || one.kind === "hold") && one.failure !== undefined && !recorded.has(one),
      ) as Extract<Settlement, { kind: "retry" | "hold" }>[];
      if (fresh.length === 0) return;
      await queries.add(
        triggerId,
        fresh.map(({ event, counted }) => ({ eventId: event.id, counts: counted })),
      );
      for (const one of fresh) {
        recorded.add(one);
        failed.add(one.event);
      }
    },
    async forget(settlements) {
      const done = settlements.filter(
        ({ kind, event }) =>
          (kind === "ack" || kind === "park") && (event.attempt > 1 || event.ageMs > 0 || failed.has(event)),
      );
      await queries.forget(
        triggerId,
        done.map(({ event }) => event.id),
      );
    },
  };
}
