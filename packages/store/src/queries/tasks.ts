import { sql, type Kysely } from "kysely";
import { TASKS_CHANNEL } from "../channels.ts";
import type { JsonObject } from "../json.ts";
import type { ColumnSqlType, QueueDefinition } from "../queue/definition.ts";
import { createQueue, type Queue } from "../queue/queue.ts";
import { batch, columns, inMs, pick } from "../queue/sql.ts";
import type { Database } from "../schema.ts";
import type { TaskCallback, TaskFinalState, TaskRow } from "../schema-events.ts";

export interface TaskTypes {
  readonly row: TaskRow;
  readonly key: "id";
  readonly lane: "org" | "function";
  readonly outcome: "response" | "result" | "resultRef" | "error";
  readonly final: TaskFinalState;
}

const DEFINITION: QueueDefinition<TaskTypes> = {
  table: "tasks",
  key: { id: "text" },
  lane: { org: "text", function: "text" },
  outcome: { response: "jsonb", result: "bytea", resultRef: "text", error: "jsonb" },
};

export interface NewTask {
  /** `task_<ULID>` */
  readonly id: string;
  readonly org: string;
  readonly function: string;
  readonly revision?: number | undefined;
  readonly request: JsonObject;
  readonly payload?: Buffer | undefined;
  readonly payloadRef?: string | undefined;
  readonly callback?: TaskCallback | undefined;
  /** Milliseconds from now after which no attempt starts. */
  readonly expiresInMs: number;
  readonly idempotency?: TaskIdempotency | undefined;
}

export type KeylessTask = Omit<NewTask, "idempotency">;

export interface TaskIdempotency {
  readonly key: string;
  /** Of all that makes two requests the same. */
  readonly requestHash: string;
  /** How long the key stands for its task. */
  readonly keepMs: number;
}

export type TaskSubmission =
  | { readonly accepted: "new" | "same"; readonly id: string }
  /** The key stands for another request. */
  | { readonly accepted: "conflict"; readonly id: string };

/** What waits of one function. */
export interface TaskBacklog {
  readonly org: string;
  readonly function: string;
  readonly queued: number;
  /** Milliseconds since the oldest of them was accepted. */
  readonly oldestMs: number;
}

/** A task without the bodies. */
export type TaskSummary = Omit<TaskRow, "payload" | "result">;

export interface TaskPage {
  readonly org: string;
  readonly function: string;
  readonly state?: TaskRow["state"] | undefined;
  /** Those that come after this id, in the order of the list. */
  readonly after?: string | undefined;
  readonly limit: number;
}

export interface EndedTask {
  readonly id: string;
  readonly org: string;
  readonly function: string;
}

/** Calls that were accepted to run later. Claim them by lanes: no index serves a claim of all functions at once. */
export interface TaskQueries extends Queue<TaskTypes> {
  /**
   * Queues a task once it resolves, or finds the one that its idempotency key stands for: of two at once with one key
   * one is queued.
   */
  submit(task: NewTask): Promise<TaskSubmission>;
  /** Queues tasks that have no idempotency key, in one statement: all of them once it resolves. */
  add(tasks: readonly KeylessTask[]): Promise<void>;
  get(org: string, id: string): Promise<TaskRow | undefined>;
  /** Newest first. */
  list(page: TaskPage): Promise<TaskSummary[]>;
  /** Ends up to `limit` tasks as `expired` that wait although no attempt may start any more; those that it ended. */
  expireOverdue(limit: number): Promise<EndedTask[]>;
  /**
   * Ends it as `cancelled` where it has not ended, and tells every process (`Store.onTaskCancelled`); false where it
   * had ended or is absent.
   */
  cancel(id: string): Promise<boolean>;
  /** The states of these tasks; those that are gone are left out. */
  states(ids: readonly string[]): Promise<Map<string, TaskRow["state"]>>;
  /** All that waits, by function. Costs by rows that wait. */
  backlog(): Promise<TaskBacklog[]>;
  /** Deletes up to `limit` tasks that ended more than `afterMs` ago. */
  sweepEnded(
    afterMs: number,
    limit: number,
  ): Promise<{ readonly count: number; readonly refs: readonly string[] }>;
  /** Forgets up to `limit` idempotency keys whose time is up; how many. */
  sweepKeys(limit: number): Promise<number>;
}

export function createTaskQueries(db: Kysely<Database>): TaskQueries {
  const queue = createQueue(db, DEFINITION);
  return {
    ...queue,
    submit: (task) => submit(db, task),
    add: (tasks) => add(db, tasks),
    get: (org, id) =>
      db.selectFrom("tasks").selectAll().where("org", "=", org).where("id", "=", id).executeTakeFirst(),
    list: (page) => list(db, page),
    async expireOverdue(limit) {
      const { rows } = await sql<EndedTask>`select id, org, function from tasks
        where state = 'queued' and expires_at <= queue_now() order by expires_at limit ${limit}`.execute(db);
      const ended = await queue.withdraw(rows, { to: "expired", running: false });
      return rows.filter((_, i) => ended[i]);
    },
    async cancel(id) {
      const [ended] = await queue.withdraw([{ id }], { to: "cancelled", running: true });
      if (ended === true) await sql`select pg_notify(${TASKS_CHANNEL}, ${id})`.execute(db);
      return ended === true;
    },
    async states(ids) {
      const rows = await db
        .selectFrom("tasks")
        .select(["id", "state"])
        .where(sql<boolean>`id = any(${ids}::text[])`)
        .execute();
      return new Map(rows.map(({ id, state }) => [id, state]));
    },
    async backlog() {
      const { rows } = await sql<TaskBacklog>`
        select org, function, count(*)::integer as queued,
          (extract(epoch from queue_now() - min(created_at)) * 1000)::double precision as oldest_ms
        from tasks where state = 'queued' group by org, function`.execute(db);
      return rows;
    },
    async sweepEnded(afterMs, limit) {
      const { rows } = await sql<{ payloadRef: string | null; resultRef: string | null }>`
        with old as materialized (
          select id from tasks
          where finished_at < ${inMs(-afterMs)}
          order by finished_at limit ${limit} for update skip locked
        )
        delete from tasks t using old where t.id = old.id returning t.payload_ref, t.result_ref`.execute(db);
      const refs = rows.flatMap(({ payloadRef, resultRef }) => [payloadRef, resultRef]);
      return { count: rows.length, refs: refs.filter((ref) => ref !== null) };
    },
    async sweepKeys(limit) {
      const result = await sql`
        with old as materialized (
          select org, function, key from task_keys where expires_at <= queue_now()
          order by expires_at limit ${limit} for update skip locked
        )
        delete from task_keys k using old
        where k.org = old.org and k.function = old.function and k.key = old.key`.execute(db);
      return Number(result.numAffectedRows ?? 0n);
    },
  };
}

const SUMMARY = [
  "id",
  "org",
  "function",
  "revision",
  "request",
  "payloadRef",
  "expiresAt",
  "callback",
  "response",
  "resultRef",
  "error",
  "state",
  "runAt",
  "attempt",
  "leaseOwner",
  "leaseEpoch",
  "leaseUntil",
  "startedAt",
  "firstFailedAt",
  "finishedAt",
  "createdAt",
] as const satisfies readonly (keyof TaskSummary)[];

function list(
  db: Kysely<Database>,
  { org, function: fn, state, after, limit }: TaskPage,
): Promise<TaskSummary[]> {
  let from = db.selectFrom("tasks").select(SUMMARY).where("org", "=", org).where("function", "=", fn);
  if (state !== undefined) from = from.where("state", "=", state);
  if (after !== undefined) from = from.where("id", "<", after);
  return from.orderBy("id", "desc").limit(limit).execute();
}

const GIVEN = {
  ...{ id: "text", org: "text", function: "text", revision: "integer", request: "jsonb", payload: "bytea" },
  ...{ payloadRef: "text", callback: "jsonb" },
} as const satisfies Partial<Record<keyof KeylessTask, ColumnSqlType>>;

/** The rows of these tasks, as a statement. */
function rowsOf(tasks: readonly KeylessTask[]) {
  const expiry = tasks.map(({ expiresInMs }) => expiresInMs);
  const given = batch("g", [
    ...pick(GIVEN, tasks),
    { name: "expiresInMs", type: "double precision", values: expiry },
  ]);
  return sql`select ${columns(Object.keys(GIVEN))}, ${inMs(sql`expires_in_ms`)} from ${given}`;
}

const INTO = sql`insert into tasks (${columns(Object.keys(GIVEN))}, expires_at)`;

async function add(db: Kysely<Database>, tasks: readonly KeylessTask[]): Promise<void> {
  if (tasks.length > 0) await sql`${INTO} ${rowsOf(tasks)}`.execute(db);
}

/** One statement: the key and the task stand together or not at all. */
async function submit(db: Kysely<Database>, task: NewTask): Promise<TaskSubmission> {
  const { id, org, function: fn, idempotency } = task;
  if (idempotency === undefined) {
    await add(db, [task]);
    return { accepted: "new", id };
  }
  for (;;) {
    const { rows } = await sql<{ id: string }>`
      with taken as (${takeKey(task, idempotency)})
      ${INTO} ${rowsOf([task])} where exists (select from taken) returning id`.execute(db);
    if (rows.length > 0) return { accepted: "new", id };
    const held = await db
      .selectFrom("taskKeys")
      .select(["taskId", "requestHash"])
      .where("org", "=", org)
      .where("function", "=", fn)
      .where("key", "=", idempotency.key)
      .executeTakeFirst();
    // Absent where the key was swept in between: it is free now.
    if (held === undefined) continue;
    return { accepted: held.requestHash === idempotency.requestHash ? "same" : "conflict", id: held.taskId };
  }
}

/** Returns the task's id where the key is free, or its time is up. Waits for another that is taking it. */
function takeKey({ id, org, function: fn }: NewTask, { key, requestHash, keepMs }: TaskIdempotency) {
  return sql`
    insert into task_keys (org, function, key, request_hash, task_id, expires_at)
    values (${org}, ${fn}, ${key}, ${requestHash}, ${id},
      ${inMs(keepMs)})
    on conflict (org, function, key) do update set
      request_hash = excluded.request_hash, task_id = excluded.task_id, expires_at = excluded.expires_at
    where task_keys.expires_at <= queue_now()
    returning task_id`;
}
