import { sql, type Kysely } from "kysely";
import { STREAMS_CHANNEL } from "../channels.ts";
import { batch, inMs, NOW } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

export interface StreamTopic {
  readonly name: string;
  readonly partitions: number;
  /** Records older than this are removed. */
  readonly retentionMs: number;
  /** The oldest records of a partition that has more bytes are removed. */
  readonly retentionBytes: number;
}

export interface NewStreamRecord {
  /** Any number from 0: records of one slot lie in one partition. */
  readonly slot: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>> | null;
}

export interface StreamPlace {
  readonly partition: number;
  readonly offset: number;
}

export interface StreamBounds {
  readonly partition: number;
  /** The oldest record that is left, or the next one. */
  readonly firstOffset: number;
  readonly nextOffset: number;
}

export interface StoredStreamRecord extends StreamPlace {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, string>> | null;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

export interface StreamReadLimits {
  /** Of each partition. */
  readonly records: number;
  /** Of each partition; one record is always allowed. */
  readonly bytes: number;
}

/** A log with partitions in the database. A topic that is not there has no bounds and takes no records. */
export interface StreamLogQueries {
  /** False where it exists. */
  makeTopic(topic: StreamTopic): Promise<boolean>;
  /** More partitions than it has; never fewer. */
  growTopic(name: string, partitions: number): Promise<void>;
  deleteTopic(name: string): Promise<boolean>;
  bounds(topic: string): Promise<StreamBounds[]>;
  /** In the order given, partition by partition: the places they got. Undefined where the topic is not there. */
  append(topic: string, records: readonly NewStreamRecord[]): Promise<StreamPlace[] | undefined>;
  /** The first records at or after each place, in their order. */
  read(topic: string, from: readonly StreamPlace[], limits: StreamReadLimits): Promise<StoredStreamRecord[]>;
  /** Milliseconds since the first record at or after each place was written; places without one are left out. */
  ages(topic: string, from: readonly StreamPlace[]): Promise<Map<number, number>>;
  /** Wakes the readers of every process. */
  notify(topic: string): Promise<void>;
  /** Removes what is older or more than its topic keeps, so many records at most; how many those were. */
  retain(limit: number): Promise<number>;
}

export function createStreamLogQueries(db: Kysely<Database>): StreamLogQueries {
  const addPartitions = async (name: string, count: number): Promise<void> => {
    await sql`insert into stream_partitions (topic, partition)
      select ${name}, p from generate_series(0, ${count}::integer - 1) as p
      on conflict do nothing`.execute(db);
  };
  return {
    async makeTopic({ name, partitions, retentionMs, retentionBytes }) {
      // One statement, so that nobody sees a topic without partitions.
      const { rows } = await sql<{ topic: string }>`
        with made as (
          insert into stream_topics (name, retention_ms, retention_bytes)
          values (${name}, ${retentionMs}, ${retentionBytes}) on conflict do nothing returning name
        )
        insert into stream_partitions (topic, partition)
        select made.name, p from made, generate_series(0, ${partitions}::integer - 1) as p
        returning topic`.execute(db);
      return rows.length > 0;
    },
    growTopic: (name, partitions) => addPartitions(name, partitions),
    async deleteTopic(name) {
      const { numDeletedRows } = await db
        .deleteFrom("streamTopics")
        .where("name", "=", name)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
    bounds: (topic) =>
      db
        .selectFrom("streamPartitions")
        .select(["partition", "firstOffset", "nextOffset"])
        .where("topic", "=", topic)
        .orderBy("partition")
        .execute(),
    async append(topic, records) {
      const given = batch("g", [
        { name: "slot", type: "bigint", values: records.map(({ slot }) => slot) },
        { name: "key", type: "bytea", values: records.map(({ key }) => key) },
        { name: "value", type: "bytea", values: records.map(({ value }) => value) },
        { name: "headers", type: "jsonb", values: records.map(({ headers }) => headers) },
      ]);
      const { rows } = await sql<StreamPlace>`
        with placed as materialized (
          select g.*, (g.slot % (select count(*) from stream_partitions where topic = ${topic}))::integer as partition
          from ${given} where exists (select from stream_topics where name = ${topic})
        ),
        counted as (
          select partition, count(*) as records,
            sum(coalesce(octet_length(key), 0) + coalesce(octet_length(value), 0)) as bytes
          from placed group by partition
        ),
        -- In their order, so that two appends never wait for each other.
        locked as materialized (
          select s.partition from stream_partitions s
          where s.topic = ${topic} and s.partition in (select partition from counted)
          order by s.partition for update
        ),
        moved as (
          update stream_partitions s
          set next_offset = s.next_offset + c.records, bytes = s.bytes + c.bytes
          from counted c join locked l using (partition)
          where s.topic = ${topic} and s.partition = c.partition
          returning s.partition, s.next_offset - c.records as start
        ),
        numbered as materialized (
          select p.*, m.start + row_number() over (partition by p.partition order by p.n) - 1 as record_offset
          from placed p join moved m using (partition)
        ),
        kept as (
          insert into stream_records (topic, partition, record_offset, key, value, headers)
          select ${topic}, partition, record_offset, key, value, headers from numbered
        )
        select partition, record_offset as "offset" from numbered order by n`.execute(db);
      return rows.length === records.length ? rows : undefined;
    },
    async read(topic, from, limits) {
      if (from.length === 0) return [];
      const { rows } = await sql<StoredStreamRecord>`
        select f.partition, r.record_offset as "offset", r.key, r.value, r.headers,
          (extract(epoch from r.at) * 1000)::double precision as at_ms
        from ${places(from)} cross join lateral (
          select *, sum(coalesce(octet_length(value), 0) + coalesce(octet_length(key), 0))
            over (order by record_offset rows between unbounded preceding and 1 preceding) as before
          from (
            select * from stream_records
            where topic = ${topic} and partition = f.partition and record_offset >= f.record_offset
            order by record_offset limit ${limits.records}
          ) as candidate
        ) as r
        where coalesce(r.before, 0) < ${limits.bytes}
        order by f.partition, r.record_offset`.execute(db);
      return rows;
    },
    async ages(topic, from) {
      if (from.length === 0) return new Map();
      const { rows } = await sql<{ partition: number; ageMs: number }>`
        select f.partition,
          greatest(0, extract(epoch from ${NOW} - r.at) * 1000)::double precision as age_ms
        from ${places(from)} cross join lateral (
          select at from stream_records
          where topic = ${topic} and partition = f.partition and record_offset >= f.record_offset
          order by record_offset limit 1
        ) as r`.execute(db);
      return new Map(rows.map(({ partition, ageMs }) => [partition, ageMs]));
    },
    async notify(topic) {
      await sql`select pg_notify(${STREAMS_CHANNEL}, ${topic})`.execute(db);
    },
    async retain(limit) {
      // What goes is always the oldest part of a partition: up to the last record that is too old or too much.
      const { rows } = await sql<{ n: number }>`
        with oldest as materialized (
          select r.topic, r.partition, r.record_offset, r.at,
            coalesce(octet_length(r.key), 0) + coalesce(octet_length(r.value), 0) as bytes
          from stream_partitions p cross join lateral (
            select * from stream_records r
            where r.topic = p.topic and r.partition = p.partition
            order by r.record_offset limit ${limit}
          ) as r
        ),
        marked as (
          select o.*, t.retention_ms, t.retention_bytes, p.bytes as total,
            sum(o.bytes) over (partition by o.topic, o.partition order by o.record_offset) as upto
          from oldest o join stream_topics t on t.name = o.topic
          join stream_partitions p on p.topic = o.topic and p.partition = o.partition
        ),
        ends as (
          select topic, partition, max(record_offset) as last from marked
          where at < ${inMs(sql`-retention_ms`)} or total - upto + bytes > retention_bytes
          group by topic, partition
        ),
        gone as (
          delete from stream_records r using ends e
          where r.topic = e.topic and r.partition = e.partition and r.record_offset <= e.last
          returning r.topic, r.partition, coalesce(octet_length(r.key), 0) + coalesce(octet_length(r.value), 0) as bytes
        ),
        counted as (
          select topic, partition, sum(bytes) as bytes, count(*) as n from gone group by topic, partition
        ),
        moved as (
          update stream_partitions p
          set first_offset = greatest(p.first_offset, e.last + 1), bytes = greatest(0, p.bytes - c.bytes)
          from ends e join counted c using (topic, partition)
          where p.topic = e.topic and p.partition = e.partition
        )
        select coalesce(sum(n), 0)::integer as n from counted`.execute(db);
      return rows[0]?.n ?? 0;
    },
  };
}

function places(from: readonly StreamPlace[]) {
  return batch("f", [
    { name: "partition", type: "integer", values: from.map(({ partition }) => partition) },
    { name: "recordOffset", type: "bigint", values: from.map(({ offset }) => offset) },
  ]);
}
