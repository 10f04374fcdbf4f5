import { LOG_LEVELS, type FunctionLogEntry } from "@hanzo-fn/contract";
import { sql, type Kysely, type Transaction } from "kysely";
import type { Database } from "../schema.ts";
import { toStorableJson, withoutNul } from "../json.ts";
import { logLineBytes } from "./log-lines.ts";
import { LOGS_CHANNEL } from "../channels.ts";

export interface LogAppendOptions {
  readonly maxBytesPerFunction: number;
}

/** Rows that one trim looks at; more excess than these hold is trimmed by the next append. */
const TRIM_ROWS = 50_000;

/**
 * Stores a batch and keeps every function below its bound by deleting its oldest lines.
 *
 * The sizes are raised first: that locks the function's row until commit, so the ids of one function are handed
 * out in the order in which its batches commit, and a follower that reads "after id n" can miss nothing.
 */
export async function appendLogLines(
  db: Kysely<Database>,
  entries: readonly FunctionLogEntry[],
  options: LogAppendOptions,
): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map(toRow);
  await db.transaction().execute(async (tx) => {
    const sizes = await raiseSizes(tx, rows);
    await tx.insertInto("logLines").values(rows).execute();
    for (const size of sizes) {
      if (size.bytes > options.maxBytesPerFunction) await trim(tx, size, options.maxBytesPerFunction);
      await sql`select pg_notify(${LOGS_CHANNEL}, ${`${size.org}/${size.function}`})`.execute(tx);
    }
  });
}

function toRow(entry: FunctionLogEntry) {
  const fields = entry.fields === undefined ? null : toStorableJson(entry.fields);
  return {
    org: entry.org,
    function: entry.function,
    ts: new Date(entry.tsMs),
    level: Math.max(0, LOG_LEVELS.indexOf(entry.level)),
    msg: withoutNul(entry.msg),
    revision: entry.revision,
    instance: entry.instance,
    requestId: entry.requestId === undefined ? null : withoutNul(entry.requestId),
    stream: entry.stream,
    fields,
    bytes: logLineBytes(entry, fields),
  };
}

interface Size {
  readonly org: string;
  readonly function: string;
  readonly bytes: number;
}

async function raiseSizes(
  tx: Transaction<Database>,
  rows: readonly ReturnType<typeof toRow>[],
): Promise<Size[]> {
  const added = new Map<string, { org: string; function: string; bytes: number; lines: number }>();
  for (const row of rows) {
    const key = `${row.org}/${row.function}`;
    const sum = added.get(key) ?? { org: row.org, function: row.function, bytes: 0, lines: 0 };
    sum.bytes += row.bytes;
    sum.lines += 1;
    added.set(key, sum);
  }
  // Sorted, so that two writers take the locks in one order and never wait for each other in a circle.
  const values = [...added.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum);
  return tx
    .insertInto("logSizes")
    .values(values)
    .onConflict((conflict) =>
      conflict.columns(["org", "function"]).doUpdateSet((eb) => ({
        bytes: eb("logSizes.bytes", "+", eb.ref("excluded.bytes")),
        lines: eb("logSizes.lines", "+", eb.ref("excluded.lines")),
      })),
    )
    .returning(["org", "function", "bytes"])
    .execute();
}

/** Down to nine tenths of the bound, so that a busy function is trimmed once per tenth and not per batch. */
async function trim(tx: Transaction<Database>, size: Size, maxBytes: number): Promise<void> {
  const excess = size.bytes - Math.floor(maxBytes * 0.9);
  await sql`
    with oldest as (
      select id, bytes from log_lines where org = ${size.org} and function = ${size.function}
      order by id limit ${TRIM_ROWS}
    ), running as (
      select id, sum(bytes) over (order by id) - bytes as before from oldest
    ), gone as (
      delete from log_lines where org = ${size.org} and function = ${size.function}
        and id <= (select max(id) from running where before < ${excess})
      returning bytes
    )
    update log_sizes set bytes = log_sizes.bytes - freed.bytes, lines = log_sizes.lines - freed.lines
    from (select coalesce(sum(bytes), 0)::bigint as bytes, count(*) as lines from gone) as freed
    where org = ${size.org} and function = ${size.function}`.execute(tx);
}
