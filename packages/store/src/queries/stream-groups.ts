import { sql, type Kysely } from "kysely";
import { batch, inMs, NOW } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

export interface StreamGroup {
  readonly group: string;
  readonly topic: string;
}

export interface StreamMember extends StreamGroup {
  readonly member: string;
}

export interface StreamPosition {
  readonly partition: number;
  /** The first one that is not done. */
  readonly nextOffset: number;
}

/** A partition that a member has, until its lease ends or the next epoch begins. */
export interface StreamLease extends StreamPosition {
  readonly epoch: number;
}

export interface StreamShare {
  /** What is ours, now for another `leaseMs`. */
  readonly leases: readonly StreamLease[];
  /** Members that are alive, by name; ours among them. */
  readonly members: readonly string[];
  /** Of the topic. */
  readonly partitions: number;
}

/** Consumer groups of the log in the database: positions, and who reads which partition. */
export interface StreamGroupQueries {
  positions(group: StreamGroup): Promise<StreamPosition[]>;
  /** Sets positions where there are none yet; true where there were none at all. */
  ensure(group: StreamGroup, positions: readonly StreamPosition[]): Promise<boolean>;
  /** False where somebody is reading. */
  remove(group: StreamGroup): Promise<boolean>;
  /** Says that a member is alive, and renews what it has. */
  beat(member: StreamMember, leaseMs: number): Promise<StreamShare>;
  /** Takes up to so many partitions that nobody has. */
  claim(member: StreamMember, most: number, leaseMs: number): Promise<StreamLease[]>;
  /** Gives partitions to whoever wants them next. */
  release(member: StreamMember, partitions: readonly number[]): Promise<void>;
  /** Moves positions forward; those partitions of which the lease is still this one. */
  commit(member: StreamMember, leases: readonly StreamLease[]): Promise<number[]>;
  leave(member: StreamMember): Promise<void>;
  /** All members leave, for whoever is alone with the database: they are gone. */
  endMembers(): Promise<void>;
}

export function createStreamGroupQueries(db: Kysely<Database>): StreamGroupQueries {
  const ours = ({ group, topic, member }: StreamMember) =>
    sql`g.group_name = ${group} and g.topic = ${topic} and g.owner = ${member}`;
  const release = async (member: StreamMember, partitions: readonly number[] | undefined): Promise<void> => {
    const meant = partitions === undefined ? sql`true` : sql`g.partition = any(${partitions}::integer[])`;
    await sql`update stream_groups g set owner = null, lease_until = null
      where ${ours(member)} and ${meant}`.execute(db);
  };
  return {
    positions: ({ group, topic }) =>
      db
        .selectFrom("streamGroups")
        .select(["partition", "nextOffset"])
        .where("groupName", "=", group)
        .where("topic", "=", topic)
        .orderBy("partition")
        .execute(),
    async ensure({ group, topic }, positions) {
      const given = batch("g", [
        { name: "partition", type: "integer", values: positions.map(({ partition }) => partition) },
        { name: "nextOffset", type: "bigint", values: positions.map(({ nextOffset }) => nextOffset) },
      ]);
      const { rows } = await sql<{ n: number }>`
        with before as (
          select count(*) as n from stream_groups where group_name = ${group} and topic = ${topic}
        ),
        made as (
          insert into stream_groups (group_name, topic, partition, next_offset)
          select ${group}, ${topic}, g.partition, g.next_offset from ${given}
          on conflict do nothing
        )
        select n::integer as n from before`.execute(db);
      return rows[0]?.n === 0;
    },
    async remove({ group, topic }) {
      const { rows } = await sql<{ busy: boolean }>`
        with busy as (
          select exists (select from stream_members
            where group_name = ${group} and topic = ${topic} and lease_until > ${NOW}) as busy
        ),
        gone as (
          delete from stream_groups g using busy
          where not busy.busy and g.group_name = ${group} and g.topic = ${topic}
        )
        select busy from busy`.execute(db);
      return rows[0]?.busy !== true;
    },
    async beat(member, leaseMs) {
      const { group, topic } = member;
      await sql`
        insert into stream_members (group_name, topic, member, lease_until)
        select ${group}, name, ${member.member}, ${inMs(leaseMs)} from stream_topics where name = ${topic}
        on conflict (group_name, topic, member) do update set lease_until = excluded.lease_until`.execute(db);
      // A partition that was added, or of a group that lost its positions, begins at its first record.
      await sql`
        insert into stream_groups (group_name, topic, partition, next_offset)
        select ${group}, p.topic, p.partition, p.first_offset from stream_partitions p
        where p.topic = ${topic} and not exists (select from stream_groups g
          where g.group_name = ${group} and g.topic = p.topic and g.partition = p.partition)
        on conflict do nothing`.execute(db);
      const { rows: leases } = await sql<StreamLease>`
        update stream_groups g set lease_until = ${inMs(leaseMs)} where ${ours(member)}
        returning g.partition, g.next_offset, g.epoch`.execute(db);
      const { rows } = await sql<{ members: string[]; partitions: number }>`
        select array(select member from stream_members
            where group_name = ${group} and topic = ${topic} and lease_until > ${NOW} order by member) as members,
          (select count(*) from stream_partitions where topic = ${topic})::integer as partitions`.execute(db);
      return { leases, members: rows[0]?.members ?? [], partitions: rows[0]?.partitions ?? 0 };
    },
    async claim(member, most, leaseMs) {
      const { group, topic } = member;
      const { rows } = await sql<StreamLease>`
        with free as materialized (
          select partition from stream_groups
          where group_name = ${group} and topic = ${topic} and (owner is null or lease_until < ${NOW})
          order by partition limit ${most} for update skip locked
        )
        update stream_groups g
        set owner = ${member.member}, epoch = g.epoch + 1, lease_until = ${inMs(leaseMs)}
        from free where g.group_name = ${group} and g.topic = ${topic} and g.partition = free.partition
        returning g.partition, g.next_offset, g.epoch`.execute(db);
      return rows;
    },
    release,
    async commit(member, leases) {
      const given = batch("d", [
        { name: "partition", type: "integer", values: leases.map(({ partition }) => partition) },
        { name: "nextOffset", type: "bigint", values: leases.map(({ nextOffset }) => nextOffset) },
        { name: "epoch", type: "bigint", values: leases.map(({ epoch }) => epoch) },
      ]);
      const { rows } = await sql<{ partition: number }>`
        update stream_groups g set next_offset = greatest(g.next_offset, d.next_offset)
        from ${given} where ${ours(member)} and g.partition = d.partition and g.epoch = d.epoch
        returning g.partition`.execute(db);
      return rows.map(({ partition }) => partition);
    },
    async leave(member) {
      await release(member, undefined);
      await db
        .deleteFrom("streamMembers")
        .where("groupName", "=", member.group)
        .where("topic", "=", member.topic)
        .where("member", "=", member.member)
        .execute();
    },
    async endMembers() {
      await sql`with gone as (delete from stream_members)
        update stream_groups set owner = null, lease_until = null where owner is not null`.execute(db);
    },
  };
}
