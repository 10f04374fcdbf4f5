import { sql, type RawBuilder } from "kysely";
import { toStorableJson, withoutNul } from "../json.ts";
import type { ColumnSqlType } from "./definition.ts";

/** What is due and what ran out: the database's clock, which a test replaces by replacing the function. */
export const NOW = sql`queue_now()`;

export const RUNNING = sql`state = 'running'`;

export function inMs(ms: RawBuilder<unknown> | number): RawBuilder<unknown> {
  return sql`queue_now() + ${ms} * interval '1 millisecond'`;
}

/** `a, b`, or `t.a, t.b`. */
export function columns(names: readonly string[], of?: string): RawBuilder<unknown> {
  return sql.join(names.map((name) => column(name, of)));
}

export function column(name: string, of?: string): RawBuilder<unknown> {
  return of === undefined ? sql.ref(name) : sql`${sql.id(of)}.${sql.ref(name)}`;
}

/** `t.a = g.a and t.b = g.b` */
export function equal(names: readonly string[], left: string, right: string): RawBuilder<unknown> {
  return sql.join(
    names.map((name) => sql`${column(name, left)} = ${column(name, right)}`),
    sql` and `,
  );
}

export interface Column {
  readonly name: string;
  readonly type: ColumnSqlType | "bigint" | "boolean" | "double precision";
  readonly values: readonly unknown[];
}

/** A batch as a table: `unnest(…) with ordinality as g (a, b, n)`, `n` from 1. */
export function batch(alias: string, given: readonly Column[]): RawBuilder<unknown> {
  const arrays = given.map(({ type, values }) => sql`${write(type, values)}::${sql.raw(type)}[]`);
  const names = [...given.map(({ name }) => sql.ref(name)), sql.ref("n")];
  return sql`unnest(${sql.join(arrays)}) with ordinality as ${sql.id(alias)} (${sql.join(names)})`;
}

function write(type: Column["type"], values: readonly unknown[]): readonly unknown[] {
  const write = writers[type];
  return write === undefined ? values : values.map((value) => (value === null ? null : write(value)));
}

const writers: Partial<Record<Column["type"], (value: unknown) => unknown>> = {
  // What a function answers is in here, and one row that PostgreSQL refuses would fail the whole batch.
  jsonb: toStorableJson,
  text: (value) => withoutNul(String(value)),
  bytea: (value) => {
    const { buffer, byteOffset, byteLength } = value as Uint8Array;
    return Buffer.from(buffer, byteOffset, byteLength);
  },
};

/** The given columns of each row, as a batch has them; null where a row lacks one. */
export function pick(
  types: Readonly<Record<string, ColumnSqlType>>,
  rows: readonly object[],
  prefix = "",
): Column[] {
  return Object.entries(types).map(([name, type]) => ({
    name: prefix + name,
    type,
    values: rows.map((row) => (row as Readonly<Record<string, unknown>>)[name] ?? null),
  }));
}

/** Which of `count` rows a statement returned by their `n`. */
export function flags(count: number, rows: readonly { readonly n: number }[]): boolean[] {
  const hit = new Set(rows.map(({ n }) => n));
  return Array.from({ length: count }, (_, i) => hit.has(i + 1));
}
