import { PlatformError } from "@hanzo-fn/contract";
import { sql, type Kysely, type Selectable } from "kysely";
import { toStorableJson } from "../json.ts";
import { batch, flags, inMs } from "../queue/sql.ts";
import type { Database } from "../schema.ts";
import type { MqTables } from "../schema-mq.ts";
import { sweepMq, type MqSwept } from "./mq-sweep.ts";

export type { MqSwept } from "./mq-sweep.ts";
export type MqStreamRow = Selectable<MqTables["mqStreams"]>;
export type MqConsumerRow = Selectable<MqTables["mqConsumers"]>;
export type NewMqStream = Omit<MqStreamRow, "id" | "lastSeq" | "isFull" | "createdAt">;
export type NewMqConsumer = Omit<MqConsumerRow, "id" | "createdAt">;

export interface NewMqMessage {
  readonly subject: string;
  /** The key for duplicates. */
  readonly id: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface MqPublished {
  readonly seq: number;
  /** The stream had the id already, with this sequence. */
  readonly duplicate: boolean;
}

/** What names a message that is out, and this delivery of it. */
export interface MqHeld {
  readonly consumerId: number;
  readonly seq: number;
  readonly deliveries: number;
}

export interface MqMessage extends Omit<NewMqMessage, "id"> {
  readonly seq: number;
  readonly body: Buffer;
  readonly publishedAt: Date;
  /** From 1. */
  readonly deliveries: number;
}

/** `ack` ends a message whoever has it by now; `park` ends it, `retry` gives it back, where this delivery still counts. */
export interface MqSettlement extends MqHeld {
  readonly verb: "ack" | "park" | "retry";
  /** Of a `retry`. */
  readonly delayMs: number;
}

/** What waits for one consumer. */
export interface MqBacklog {
  readonly stream: string;
  readonly name: string;
  /** Not done: not delivered yet, or out. */
  readonly items: number;
  /** When the oldest of them was published. */
  readonly oldestAt: Date | null;
  /** Every message up to it is done, or is not for this consumer. */
  readonly position: number;
}

/** The platform's own message queues; see migrations/0004-embedded-mq.ts. */
export interface MqQueries {
  /** Makes it where it is missing; one that exists is left as it is. */
  ensureStream(stream: NewMqStream): Promise<MqStreamRow>;
  stream(name: string): Promise<MqStreamRow | undefined>;
  /** With `lock` until the end of the transaction nobody else changes its consumers, nor publishes to it. */
  lockStream(name: string): Promise<MqStreamRow | undefined>;
  consumersOf(streamId: number): Promise<MqConsumerRow[]>;
  consumer(stream: string, name: string): Promise<MqConsumerRow | undefined>;
  addConsumer(consumer: NewMqConsumer): Promise<MqConsumerRow>;
  changeConsumer(
    id: number,
    change: Partial<Pick<NewMqConsumer, "subject" | "pattern" | "maxAckPending">>,
  ): Promise<void>;
  removeConsumer(stream: string, name: string): Promise<void>;
  /** Removes all messages of one subject, without wildcards. */
  purge(stream: string, subject: string): Promise<void>;
  /**
   * Keeps messages, in the order given. Throws `unavailable` where there is no such stream, `storage_full` where it has
   * no room.
   */
  publish(stream: string, messages: readonly NewMqMessage[]): Promise<MqPublished[]>;
  /**
   * Delivers what is due, in the order of the stream, for the time of a lease; at least one message where there is
   * one, whatever its size. Throws `not_found` where the consumer is gone.
   */
  pull(consumerId: number, limits: { events: number; bytes: number; leaseMs: number }): Promise<MqMessage[]>;
  settle(settlements: readonly MqSettlement[]): Promise<void>;
  /** In the order given: false where this delivery counts no more. */
  extend(held: readonly MqHeld[], leaseMs: number): Promise<boolean[]>;
  /**
   * What is out is due at once, for whoever is alone with the database: who had it is gone. Delays of what failed end,
   * too. How many those were.
   */
  endLeases(): Promise<number>;
  /** How many are out and not due again. */
  leased(consumerId: number): Promise<number>;
  /** Which of these have something to pull; those that have not, pass over what is not for them. */
  ready(consumerIds: readonly number[]): Promise<number[]>;
  /** Of those of them that there are, in any order. */
  backlogs(consumers: readonly { readonly stream: string; readonly name: string }[]): Promise<MqBacklog[]>;
  /** Removes what is over its time or beyond the limits of its stream, up to `limit` rows of each kind. */
  sweep(limit: number): Promise<MqSwept[]>;
}

/** The errors that the database's functions raise. */
function explain(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof PlatformError) return error;
  const codes = { MQ001: "unavailable", MQ002: "storage_full", MQ003: "not_found" } as const;
  const { code } = error as { code?: unknown };
  const known = codes[code as keyof typeof codes];
  if (known === undefined) return error;
  return new PlatformError(known, error.message, { component: "store", cause: error });
}

async function explained<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw explain(error);
  }
}

const bytes = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Whether a message is for a consumer, as SQL has it. */
const FOR_CONSUMER = sql`m.stream_id = c.stream_id and m.seq > c.position
  and case when c.pattern is null then m.subject = c.subject else m.subject ~ c.pattern end`;

async function ready(db: Kysely<Database>, ids: readonly number[]): Promise<number[]> {
  const { rows } = await sql<{ id: number }>`
    with asked as materialized (
      select c.*, s.last_seq from mq_consumers c join mq_streams s on s.id = c.stream_id where c.id = any(${ids}::bigint[])
    ), fresh as materialized (
      select c.id, exists (select from mq_messages m where ${FOR_CONSUMER}) as is_there
      from asked c where c.last_seq > c.position
    ), passed as (
      update mq_consumers t set position = greatest(t.position, a.last_seq)
      from fresh f join asked a on a.id = f.id where t.id = f.id and not f.is_there
    )
    select id from fresh where is_there
    union
    select a.id from asked a where exists (
      select from mq_pending p where p.consumer_id = a.id and p.due_at <= queue_now()
    )`.execute(db);
  return rows.map(({ id }) => id);
}

async function backlogs(
  db: Kysely<Database>,
  consumers: readonly { readonly stream: string; readonly name: string }[],
): Promise<MqBacklog[]> {
  const { rows } = await sql<MqBacklog>`
    select s.name as stream, c.name,
      (select count(*) from mq_pending p where p.consumer_id = c.id) + fresh.items as items,
      least(fresh.oldest_at, (
        select m.published_at from mq_pending p join mq_messages m on m.stream_id = c.stream_id and m.seq = p.seq
        where p.consumer_id = c.id order by p.seq limit 1
      )) as oldest_at,
      coalesce((select min(p.seq) - 1 from mq_pending p where p.consumer_id = c.id), c.position) as position
    from unnest(${consumers.map(({ stream }) => stream)}::text[], ${consumers.map(({ name }) => name)}::text[])
      as wanted (stream, name)
    join mq_streams s on s.name = wanted.stream
    join mq_consumers c on c.stream_id = s.id and c.name = wanted.name
    cross join lateral (
      select count(*) as items, min(m.published_at) as oldest_at from mq_messages m where ${FOR_CONSUMER}
    ) as fresh`.execute(db);
  return rows;
}

export function createMqQueries(db: Kysely<Database>): MqQueries {
  const stream = (name: string) => db.selectFrom("mqStreams").selectAll().where("name", "=", name);
  return {
    async ensureStream(wanted) {
      await db
        .insertInto("mqStreams")
        .values({ ...wanted, subjects: [...wanted.subjects] })
        .onConflict((conflict) => conflict.column("name").doNothing())
        .execute();
      return stream(wanted.name).executeTakeFirstOrThrow();
    },
    stream: (name) => stream(name).executeTakeFirst(),
    lockStream: (name) => stream(name).forUpdate().executeTakeFirst(),
    consumersOf: (streamId) =>
      db.selectFrom("mqConsumers").selectAll().where("streamId", "=", streamId).orderBy("id").execute(),
    consumer: (of, name) =>
      db
        .selectFrom("mqConsumers as c")
        .innerJoin("mqStreams as s", "s.id", "c.streamId")
        .selectAll("c")
        .where("s.name", "=", of)
        .where("c.name", "=", name)
        .executeTakeFirst(),
    addConsumer: (consumer) =>
      db.insertInto("mqConsumers").values(consumer).returningAll().executeTakeFirstOrThrow(),
    async changeConsumer(id, change) {
      await db.updateTable("mqConsumers").set(change).where("id", "=", id).execute();
    },
    async removeConsumer(name, consumer) {
      await sql`delete from mq_consumers c using mq_streams s
        where s.name = ${name} and c.stream_id = s.id and c.name = ${consumer}`.execute(db);
    },
    async purge(name, subject) {
      await sql`delete from mq_messages m using mq_streams s
        where s.name = ${name} and m.stream_id = s.id and m.subject = ${subject}`.execute(db);
    },
    async publish(name, messages) {
      if (messages.length === 0) return [];
      const headers = messages.map((message) => toStorableJson(message.headers));
      const { rows } = await explained(
        sql<MqPublished>`select seq, duplicate from mq_publish(
          ${name}, ${messages.map(({ subject }) => subject)}::text[], ${messages.map(({ id }) => id)}::text[],
          ${headers}::jsonb[], ${messages.map(({ body }) => bytes(body))}::bytea[]
        ) order by n`.execute(db),
      );
      return rows;
    },
    async pull(consumerId, { events, bytes: most, leaseMs }) {
      const { rows } = await explained(
        sql<MqMessage>`select * from mq_pull(${consumerId}, ${events}, ${most}, ${leaseMs})`.execute(db),
      );
      return rows;
    },
    async settle(settlements) {
      if (settlements.length === 0) return;
      await sql`select mq_settle(
        ${settlements.map(({ consumerId }) => consumerId)}::bigint[], ${settlements.map(({ seq }) => seq)}::bigint[],
        ${settlements.map(({ deliveries }) => deliveries)}::integer[], ${settlements.map(({ verb }) => verb)}::text[],
        ${settlements.map(({ delayMs }) => delayMs)}::double precision[]
      )`.execute(db);
    },
    async extend(held, leaseMs) {
      if (held.length === 0) return [];
      const given = batch("g", [
        { name: "consumerId", type: "bigint", values: held.map(({ consumerId }) => consumerId) },
        { name: "seq", type: "bigint", values: held.map(({ seq }) => seq) },
        { name: "deliveries", type: "integer", values: held.map(({ deliveries }) => deliveries) },
      ]);
      const { rows } = await sql<{ n: number }>`
        with held as materialized (
          select p.consumer_id, p.seq, g.n from ${given}
          join mq_pending p on p.consumer_id = g.consumer_id and p.seq = g.seq and p.deliveries = g.deliveries
          order by p.consumer_id, p.seq for update of p
        )
        update mq_pending p set due_at = ${inMs(leaseMs)}
        from held h where p.consumer_id = h.consumer_id and p.seq = h.seq returning h.n`.execute(db);
      return flags(held.length, rows);
    },
    async endLeases() {
      const ended = await sql`update mq_pending set due_at = queue_now() where due_at > queue_now()`.execute(
        db,
      );
      return Number(ended.numAffectedRows ?? 0n);
    },
    async leased(consumerId) {
      const { rows } = await sql<{ count: number }>`
        select count(*) from mq_pending where consumer_id = ${consumerId} and due_at > queue_now()`.execute(
        db,
      );
      return rows[0]?.count ?? 0;
    },
    ready: (ids) => (ids.length === 0 ? Promise.resolve([]) : ready(db, ids)),
    backlogs: (consumers) => backlogs(db, consumers),
    sweep: (limit) => sweepMq(db, limit),
  };
}
