import type { TestDatabase } from "./test-database.ts";
import { withClient } from "./postgres-url.ts";

/** The clock by which a database says what is due, turned by hand. */
export interface DatabaseClock {
  /** Forwards, or back where `ms` is negative; the time that it shows then. */
  advance(ms: number): Promise<Date>;
}

/** Puts a clock that stands at `start` in the place of `queue_now()`. */
export async function turnByHand({ url }: TestDatabase, start: Date): Promise<DatabaseClock> {
  await withClient(url, async (client) => {
    await client.query("create table test_clock (at timestamptz not null)");
    await client.query("insert into test_clock values ($1)", [start]);
    await client.query(
      "create or replace function queue_now() returns timestamptz language sql stable as 'select at from test_clock'",
    );
  });
  return {
    advance: (ms) =>
      withClient(url, async (client) => {
        const { rows } = await client.query<{ at: Date }>(
          "update test_clock set at = at + $1 * interval '1 millisecond' returning at",
          [ms],
        );
        return rows[0]?.at as Date;
      }),
  };
}
