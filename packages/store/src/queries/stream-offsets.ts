import { sql, type Kysely } from "kysely";
import { batch } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

export interface StreamOffset {
  readonly topic: string;
  readonly partition: number;
  /** The first one that is not done. */
  readonly nextOffset: number;
}

/** The group that a trigger reads as. */
export interface StreamTriggerGroup {
  readonly group: string;
  readonly topic: string;
  /** The platform made it, and removes it with the trigger. */
  readonly created: boolean;
}

/** Where triggers are in their topics, for groups that lost their own positions. */
export interface StreamOffsetQueries {
  of(triggerId: string): Promise<StreamOffset[]>;
  /** Of all triggers, in one topic. */
  ofTopic(topic: string): Promise<(StreamOffset & { readonly triggerId: string })[]>;
  /** Replaces those of the same partitions, each given at most once. */
  save(triggerId: string, offsets: readonly StreamOffset[]): Promise<void>;
  groupOf(triggerId: string): Promise<StreamTriggerGroup | undefined>;
  /** Its first group stays; one that was made once was made. */
  keepGroup(triggerId: string, group: StreamTriggerGroup): Promise<void>;
}

export function createStreamOffsetQueries(db: Kysely<Database>): StreamOffsetQueries {
  return {
    of: (triggerId) =>
      db
        .selectFrom("streamOffsets")
        .select(["topic", "partition", "nextOffset"])
        .where("triggerId", "=", triggerId)
        .orderBy("topic")
        .orderBy("partition")
        .execute(),
    ofTopic: (topic) =>
      db
        .selectFrom("streamOffsets")
        .select(["triggerId", "topic", "partition", "nextOffset"])
        .where("topic", "=", topic)
        .execute(),
    async save(triggerId, offsets) {
      if (offsets.length === 0) return;
      const given = batch("g", [
        { name: "topic", type: "text", values: offsets.map(({ topic }) => topic) },
        { name: "partition", type: "integer", values: offsets.map(({ partition }) => partition) },
        { name: "nextOffset", type: "bigint", values: offsets.map(({ nextOffset }) => nextOffset) },
      ]);
      await sql`
        insert into stream_offsets (trigger_id, topic, partition, next_offset, at)
        select ${triggerId}, g.topic, g.partition, g.next_offset, queue_now() from ${given}
        order by g.topic, g.partition
        on conflict (trigger_id, topic, partition) do update set
          next_offset = excluded.next_offset, at = excluded.at`.execute(db);
    },
    groupOf: (triggerId) =>
      db
        .selectFrom("streamTriggerGroups")
        .select(["groupName as group", "topic", "created"])
        .where("triggerId", "=", triggerId)
        .executeTakeFirst(),
    async keepGroup(triggerId, { group, topic, created }) {
      await sql`
        insert into stream_trigger_groups as g (trigger_id, group_name, topic, created)
        values (${triggerId}, ${group}, ${topic}, ${created})
        on conflict (trigger_id) do update set created = g.created or excluded.created`.execute(db);
    },
  };
}
