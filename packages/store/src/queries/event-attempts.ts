import { sql, type Kysely } from "kysely";
import { batch } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

export interface EventAttempts {
  readonly attempts: number;
  /** Milliseconds since the first delivery that did not succeed. */
  readonly failingForMs: number;
}

export interface FailedDelivery {
  readonly eventId: string;
  /** False where it never reached the function. */
  readonly counts: boolean;
}

/**
 * What is known of events that did not succeed, while a broker holds them: it outlives the process that tried them.
 * Written on failures alone.
 */
export interface EventAttemptQueries {
  /** Those that never failed are left out. */
  of(triggerId: string, eventIds: readonly string[]): Promise<Map<string, EventAttempts>>;
  /** All whose ids begin so. */
  startingWith(triggerId: string, prefix: string): Promise<Map<string, EventAttempts>>;
  /** Each event at most once per call. */
  add(triggerId: string, failed: readonly FailedDelivery[]): Promise<void>;
  /** They were acknowledged or parked. */
  forget(triggerId: string, eventIds: readonly string[]): Promise<void>;
}

export function createEventAttemptQueries(db: Kysely<Database>): EventAttemptQueries {
  const those = async (
    triggerId: string,
    meant: ReturnType<typeof sql>,
  ): Promise<Map<string, EventAttempts>> => {
    const { rows } = await sql<EventAttempts & { eventId: string }>`
      select event_id, attempts,
        greatest(0, extract(epoch from queue_now() - first_failed_at) * 1000)::double precision as failing_for_ms
      from event_attempts where trigger_id = ${triggerId} and ${meant}`.execute(db);
    return new Map(rows.map(({ eventId, ...known }) => [eventId, known]));
  };
  return {
    async of(triggerId, eventIds) {
      if (eventIds.length === 0) return new Map();
      return those(triggerId, sql`event_id = any(${eventIds}::text[])`);
    },
    startingWith: (triggerId, prefix) => those(triggerId, sql`starts_with(event_id, ${prefix})`),
    async add(triggerId, failed) {
      if (failed.length === 0) return;
      const given = batch("g", [
        { name: "eventId", type: "text", values: failed.map(({ eventId }) => eventId) },
        { name: "counts", type: "boolean", values: failed.map(({ counts }) => counts) },
      ]);
      await sql`
        insert into event_attempts as a (trigger_id, event_id, attempts, first_failed_at, last_failed_at)
        select ${triggerId}, event_id, counts::integer, queue_now(), queue_now() from ${given} order by event_id
        on conflict (trigger_id, event_id) do update set
          attempts = a.attempts + excluded.attempts, last_failed_at = excluded.last_failed_at`.execute(db);
    },
    async forget(triggerId, eventIds) {
      if (eventIds.length === 0) return;
      await sql`delete from event_attempts
        where trigger_id = ${triggerId} and event_id = any(${eventIds}::text[])`.execute(db);
    },
  };
}
