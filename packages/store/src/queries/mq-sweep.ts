import { sql, type Kysely } from "kysely";
import { inMs } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

/** What a sweep removed of one stream. */
export interface MqSwept {
  readonly stream: string;
  /** Messages beyond the limits. */
  readonly messages: number;
  /** Those of them that somebody had been given and had not done. */
  readonly pending: number;
  readonly isFull: boolean;
}

interface Limits {
  readonly id: number;
  readonly name: string;
  readonly retention: "workqueue" | "limits";
  readonly maxAgeMs: number;
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly duplicateWindowMs: number;
}

/** The newest message that is beyond the limits, where there is one; and whether there is no room. */
async function edgeOf(
  db: Kysely<Database>,
  stream: Limits,
): Promise<{ readonly upTo: number | null; readonly isFull: boolean }> {
  const { id, retention, maxAgeMs, maxMessages, maxBytes } = stream;
  const { rows } = await sql<{ tooOld: number | null; messages: number; bytes: number }>`
    select
      (select max(seq) from mq_messages
        where stream_id = ${id} and published_at < ${inMs(-maxAgeMs)}) as too_old,
      (select count(*) from mq_messages where stream_id = ${id}) as messages,
      (select coalesce(sum(octet_length(body)), 0)::bigint from mq_messages where stream_id = ${id}) as bytes`.execute(
    db,
  );
  const { tooOld, messages, bytes } = rows[0] as { tooOld: number | null; messages: number; bytes: number };
  const isFull = messages >= maxMessages || bytes >= maxBytes;
  if (retention === "workqueue" || !isFull)
    return { upTo: tooOld, isFull: retention === "workqueue" && isFull };
  // Nobody waits for room in a stream that drops its oldest messages.
  const { rows: found } = await sql<{ seq: number | null }>`
    select max(seq) as seq from (
      select seq, row_number() over newest as nth, sum(octet_length(body)) over newest as size
      from mq_messages where stream_id = ${id} window newest as (order by seq desc)
    ) as m where nth > ${maxMessages} or size > ${maxBytes}`.execute(db);
  return { upTo: Math.max(tooOld ?? 0, found[0]?.seq ?? 0) || null, isFull: false };
}

async function sweepStream(db: Kysely<Database>, stream: Limits, limit: number): Promise<MqSwept> {
  const { id, name, duplicateWindowMs } = stream;
  const { upTo, isFull } = await edgeOf(db, stream);
  await sql`update mq_streams set is_full = ${isFull} where id = ${id} and is_full <> ${isFull}`.execute(db);
  await sql`delete from mq_message_ids where stream_id = ${id} and id in (
    select id from mq_message_ids
    where stream_id = ${id} and at < ${inMs(-duplicateWindowMs)} order by at limit ${limit}
  )`.execute(db);
  if (upTo === null) return { stream: name, messages: 0, pending: 0, isFull };
  const { rows } = await sql<{ messages: number; pending: number }>`
    with old as materialized (
      select seq from mq_messages where stream_id = ${id} and seq <= ${upTo} order by seq limit ${limit} for update skip locked
    ), gone as (
      delete from mq_messages m using old where m.stream_id = ${id} and m.seq = old.seq
    ), dropped as (
      delete from mq_pending p using old, mq_consumers c
      where c.stream_id = ${id} and p.consumer_id = c.id and p.seq = old.seq returning p.seq
    )
    select (select count(*) from old) as messages, (select count(*) from dropped) as pending`.execute(db);
  return { stream: name, isFull, messages: rows[0]?.messages ?? 0, pending: rows[0]?.pending ?? 0 };
}

/** See `MqQueries.sweep`. */
export async function sweepMq(db: Kysely<Database>, limit: number): Promise<MqSwept[]> {
  const swept: MqSwept[] = [];
  for (const stream of await db.selectFrom("mqStreams").selectAll().orderBy("id").execute()) {
    swept.push(await sweepStream(db, stream, limit));
  }
  return swept;
}
