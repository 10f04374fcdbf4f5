import type { Clock } from "@hanzo-fn/lifecycle";
import type { EventAttemptQueries, EventAttempts, FailedDelivery } from "@hanzo-fn/store";

/** The part of the store that remembers failures of events which a broker still holds. */
export type AttemptStore = Pick<EventAttemptQueries, "add" | "forget" | "startingWith">;

/** What is known of events that failed, in memory as in the store; nothing is kept of one that never did. */
export interface Ledger {
  /** Reads what is kept of the events whose ids begin so; before any of them is handed out. */
  load(prefix: string): Promise<void>;
  /** Forgets what was loaded, in memory alone. */
  unload(prefix: string): void;
  of(eventId: string): EventAttempts | undefined;
  /** Counts failures. Rejects where that is not certain. */
  add(failed: readonly FailedDelivery[]): Promise<void>;
  /** They are done. Asks the store only where it has something. */
  forget(eventIds: readonly string[]): Promise<void>;
}

interface Known {
  attempts: number;
  /** Monotonic milliseconds of the first failure. */
  readonly sinceMs: number;
}

export function createLedger(store: AttemptStore, triggerId: string, clock: Clock): Ledger {
  const known = new Map<string, Known>();
  return {
    async load(prefix) {
      const rows = await store.startingWith(triggerId, prefix);
      const now = clock.monotonic();
      for (const [id, { attempts, failingForMs }] of rows)
        known.set(id, { attempts, sinceMs: now - failingForMs });
    },
    unload(prefix) {
      for (const id of known.keys()) if (id.startsWith(prefix)) known.delete(id);
    },
    of(eventId) {
      const one = known.get(eventId);
      if (one === undefined) return undefined;
      return { attempts: one.attempts, failingForMs: clock.monotonic() - one.sinceMs };
    },
    async add(failed) {
      if (failed.length === 0) return;
      await store.add(triggerId, failed);
      for (const { eventId, counts } of failed) {
        const one = known.get(eventId) ?? { attempts: 0, sinceMs: clock.monotonic() };
        if (counts) one.attempts += 1;
        known.set(eventId, one);
      }
    },
    async forget(eventIds) {
      const kept = eventIds.filter((id) => known.has(id));
      if (kept.length === 0) return;
      await store.forget(triggerId, kept);
      for (const id of kept) known.delete(id);
    },
  };
}
