import type { ColumnType, Generated } from "kysely";

type Unset = ColumnType<Date | null, never, never>;

/**
 * The columns that make a table a queue. They are written by the queue alone, but for `runAt` of a new row.
 * `queueColumns` of migrations/queue-table.ts declares them.
 */
export interface LeaseColumns<Final extends string> {
  /** Final states end the row; `queued` waits for `runAt`; `running` is held under a lease. */
  state: ColumnType<QueueState<Final>, never, never>;
  /** Not before; where it is not given, at once. */
  runAt: ColumnType<Date, Date | undefined, never>;
  /** Claims that counted. */
  attempt: ColumnType<number, never, never>;
  leaseOwner: ColumnType<string | null, never, never>;
  /** All claims there ever were: it rises with each and never falls, so that it fences. */
  leaseEpoch: ColumnType<number, never, never>;
  leaseUntil: Unset;
  /** Of the latest claim. */
  startedAt: Unset;
  /** Of the first delivery that did not succeed, counted or not. */
  firstFailedAt: Unset;
  finishedAt: Unset;
  createdAt: Generated<Date>;
}

export type QueueState<Final extends string> = "queued" | "running" | Final;

/** What the queue reads of a row. */
export interface LeaseRow {
  readonly state: string;
  readonly runAt: Date;
  readonly attempt: number;
  readonly leaseOwner: string | null;
  readonly leaseEpoch: number;
  readonly leaseUntil: Date | null;
  readonly startedAt: Date | null;
  readonly firstFailedAt: Date | null;
  readonly finishedAt: Date | null;
}

/** The types of one queue: its row, and which columns of it play which part. */
export interface QueueTypes {
  readonly row: LeaseRow;
  /** Columns of the primary key. */
  readonly key: string;
  /** Columns that rows share which wait for the same thing, such as one function. */
  readonly lane: string;
  /** Columns that say how the latest attempt ended. */
  readonly outcome: string;
  readonly final: string;
}

type Part<Q extends QueueTypes, Column extends string> = Pick<Q["row"], Column & keyof Q["row"]>;
export type QueueKey<Q extends QueueTypes> = Part<Q, Q["key"]>;
export type QueueLane<Q extends QueueTypes> = Part<Q, Q["lane"]>;
export type QueueOutcome<Q extends QueueTypes> = Partial<Part<Q, Q["outcome"]>>;

/** A row as it was claimed, or what of it names the lease. */
export type QueueLease<Q extends QueueTypes> = QueueKey<Q> & Pick<LeaseRow, "leaseOwner" | "leaseEpoch">;

export type ColumnSqlType = "text" | "integer" | "timestamptz" | "bytea" | "jsonb";
type SqlTypes<Column extends string> = Readonly<Record<Column, ColumnSqlType>>;

/** A table and its columns' SQL types, so that a batch of rows is one statement. */
export interface QueueDefinition<Q extends QueueTypes> {
  readonly table: string;
  readonly key: SqlTypes<Q["key"]>;
  readonly lane: SqlTypes<Q["lane"]>;
  readonly outcome: SqlTypes<Q["outcome"]>;
}
