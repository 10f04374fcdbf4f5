import { systemClock } from "@hanzo-fn/lifecycle";
import { createTestDatabase, recordingLog, seeded } from "@hanzo-fn/testkit";
import { Pool } from "pg";
import { openStore, type Queries, type Store } from "../index.ts";
import type { QueueKey, QueueLane, QueueLease, QueueOutcome, QueueTypes } from "./definition.ts";
import type { Queue } from "./queue.ts";

/** A table that is a queue, and how its tests make and read rows of it. */
export interface QueueUnderTest<Q extends QueueTypes> {
  readonly table: string;
  readonly finals: readonly Q["final"][];
  queue(store: Queries): Queue<Q>;
  /** Adds the row of this number to its lane (`n` modulo `LANES`), due at once; `now` is the database's clock. */
  add(store: Queries, n: number, now: Date): Promise<void>;
  key(n: number): QueueKey<Q>;
  lane(lane: number): QueueLane<Q>;
  /** The number that `key` was made of. */
  number(row: QueueKey<Q>): number;
  /** Two different ways in which an attempt may end. */
  readonly outcomes: readonly [QueueOutcome<Q>, QueueOutcome<Q>];
}

export const LANES = 5;

/** When a test's clock begins. */
export const START = Date.UTC(2026, 0, 2, 3, 4, 5, 678);

export interface BenchOptions {
  /** Platforms on the one database, each with connections of its own. */
  readonly replicas?: number;
  /** The database's own clock, or one that moves by `advance` alone. */
  readonly clock?: "by hand" | "of the server";
}

/** A database of one test. */
export class QueueBench<Q extends QueueTypes> implements AsyncDisposable {
  readonly stores: readonly Store[];
  readonly under: QueueUnderTest<Q>;
  readonly pool: Pool;
  readonly #stack: AsyncDisposableStack;

  private constructor(
    under: QueueUnderTest<Q>,
    stores: readonly Store[],
    pool: Pool,
    stack: AsyncDisposableStack,
  ) {
    this.under = under;
    this.stores = stores;
    this.pool = pool;
    this.#stack = stack;
  }

  static async open<Q extends QueueTypes>(
    under: QueueUnderTest<Q>,
    { replicas = 1, clock = "by hand" }: BenchOptions = {},
  ): Promise<QueueBench<Q>> {
    await using stack = new AsyncDisposableStack();
    const database = stack.use(await createTestDatabase());
    const pool = new Pool({ connectionString: database.url });
    // `end` does not wait for the connections' end, and the database is dropped under those that are left.
    pool.on("error", () => undefined);
    pool.on("connect", (client) => client.on("error", () => undefined));
    stack.defer(() => pool.end());
    await pool.query("create table test_clock (at timestamptz not null)");
    await pool.query("insert into test_clock values ($1)", [new Date(START)]);
    if (clock === "by hand") {
      await pool.query(
        "create or replace function queue_now() returns timestamptz language sql stable as 'select at from test_clock'",
      );
    }
    const stores: Store[] = [];
    for (let i = 0; i < replicas; i++) {
      const options = { database, log: recordingLog(), clock: systemClock };
      stores.push(stack.use(await openStore(options)));
    }
    return new QueueBench(under, stores, pool, stack.move());
  }

  get store(): Store {
    return this.stores[0] as Store;
  }

  get queue(): Queue<Q> {
    return this.under.queue(this.store);
  }

  async advance(ms: number): Promise<Date> {
    const { rows } = await this.pool.query<{ at: Date }>(
      "update test_clock set at = at + $1 * interval '1 millisecond' returning at",
      [ms],
    );
    return rows[0]?.at as Date;
  }

  /** Rows 0 to `count` - 1, each due a millisecond after the one before. */
  async fill(count: number): Promise<void> {
    let now = new Date(START);
    for (let n = 0; n < count; n++) {
      await this.under.add(this.store, n, now);
      now = await this.advance(1);
    }
  }

  /** All rows by number. */
  async rows(): Promise<Map<number, Q["row"]>> {
    const { rows } = await this.pool.query<Record<string, unknown>>(`select * from ${this.under.table}`);
    return new Map(rows.map((row) => this.#read(row)));
  }

  numbers(rows: readonly QueueKey<Q>[]): number[] {
    return rows.map((row) => this.under.number(row)).sort((a, b) => a - b);
  }

  #read(stored: Record<string, unknown>): [number, Q["row"]] {
    const row = Object.fromEntries(
      Object.entries(stored).map(([name, value]) => [
        name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()),
        name === "lease_epoch" ? Number(value) : value,
      ]),
    ) as unknown as Q["row"] & QueueKey<Q>;
    return [this.under.number(row), row];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack.disposeAsync();
  }
}

export function leaseOf<Q extends QueueTypes>(row: Q["row"]): QueueLease<Q> {
  return row as unknown as QueueLease<Q>;
}

/** Choices that a seed determines, so that a failure can be run again. */
export class Dice {
  /** In [0, 1). */
  readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** An integer in [0, n). */
  below(n: number): number {
    return Math.floor(this.random() * n);
  }

  one<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  some<T>(items: readonly T[], most: number): T[] {
    return Array.from({ length: Math.min(items.length, this.below(most + 1)) }, () => this.one(items));
  }
}
