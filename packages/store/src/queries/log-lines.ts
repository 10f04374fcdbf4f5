import { LOG_LEVELS, type FunctionLogEntry, type LogLevel } from "@hanzo-fn/contract";
import { sql, type Kysely } from "kysely";
import type { Database, LogLineRow } from "../schema.ts";

/** A line as it was stored: `id` rises in the order in which the lines of one function became visible. */
export interface StoredLogLine extends FunctionLogEntry {
  readonly id: number;
}

export interface LogFilter {
  readonly org: string;
  readonly function: string;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
  readonly minLevel?: LogLevel | undefined;
  readonly requestId?: string | undefined;
  /** Revision name. */
  readonly revision?: string | undefined;
}

export interface LogQuery extends LogFilter {
  readonly limit: number;
  /** Only lines after this one, oldest first. Without it the newest `limit` lines, oldest first. */
  readonly afterId?: number | undefined;
}

export interface LogLineQueries {
  query(query: LogQuery): Promise<StoredLogLine[]>;
  /** The id of the function's newest line, 0 where it has none. */
  newestId(org: string, fn: string): Promise<number>;
  /** When the newest line of this instance was written; undefined where none is kept. */
  newestOf(place: {
    readonly org: string;
    readonly function: string;
    readonly instance: string;
  }): Promise<Date | undefined>;
  /** Stored bytes and lines of one function. */
  size(org: string, fn: string): Promise<{ readonly bytes: number; readonly lines: number }>;
  deleteFunction(org: string, fn: string): Promise<void>;
}

/** What a row takes beside its texts: tuple header, fixed columns and index entries. */
const ROW_OVERHEAD_BYTES = 120;

export function logLineBytes(entry: FunctionLogEntry, fields: string | null): number {
  return (
    Buffer.byteLength(entry.msg) + (fields === null ? 0 : Buffer.byteLength(fields)) + ROW_OVERHEAD_BYTES
  );
}

export function createLogLineQueries(db: Kysely<Database>): LogLineQueries {
  return {
    async query(query) {
      const from = filtered(db, query);
      if (query.afterId !== undefined) {
        const rows = await from.where("id", ">", query.afterId).orderBy("id").limit(query.limit).execute();
        return rows.map(toLine);
      }
      const rows = await from.orderBy("id", "desc").limit(query.limit).execute();
      return rows.map(toLine).toReversed();
    },

    async newestId(org, fn) {
      const row = await db
        .selectFrom("logLines")
        .select("id")
        .where("org", "=", org)
        .where("function", "=", fn)
        .orderBy("id", "desc")
        .limit(1)
        .executeTakeFirst();
      return row?.id ?? 0;
    },

    async newestOf({ org, function: fn, instance }) {
      const row = await db
        .selectFrom("logLines")
        .select(({ fn: { max } }) => max("ts").as("ts"))
        .where("org", "=", org)
        .where("function", "=", fn)
        .where("instance", "=", instance)
        .where("stream", "!=", "platform")
        .executeTakeFirst();
      return row?.ts ?? undefined;
    },

    async size(org, fn) {
      const row = await db
        .selectFrom("logSizes")
        .select(["bytes", "lines"])
        .where("org", "=", org)
        .where("function", "=", fn)
        .executeTakeFirst();
      return row ?? { bytes: 0, lines: 0 };
    },

    async deleteFunction(org, fn) {
      // One statement, so that the sizes never tell of lines that are gone.
      await sql`with sizes as (delete from log_sizes where org = ${org} and function = ${fn})
        delete from log_lines where org = ${org} and function = ${fn}`.execute(db);
    },
  };
}

function filtered(db: Kysely<Database>, filter: LogFilter) {
  let from = db
    .selectFrom("logLines")
    .selectAll()
    .where("org", "=", filter.org)
    .where("function", "=", filter.function);
  if (filter.since) from = from.where("ts", ">=", filter.since);
  if (filter.until) from = from.where("ts", "<", filter.until);
  if (filter.minLevel) from = from.where("level", ">=", LOG_LEVELS.indexOf(filter.minLevel));
  if (filter.requestId !== undefined) from = from.where("requestId", "=", filter.requestId);
  if (filter.revision !== undefined) from = from.where("revision", "=", filter.revision);
  return from;
}

function toLine(row: LogLineRow): StoredLogLine {
  return {
    id: row.id,
    tsMs: row.ts.getTime(),
    level: LOG_LEVELS[row.level] ?? "info",
    msg: row.msg,
    org: row.org,
    function: row.function,
    revision: row.revision,
    instance: row.instance,
    ...(row.requestId !== null && { requestId: row.requestId }),
    stream: row.stream,
    ...(row.fields !== null && { fields: row.fields }),
  };
}
