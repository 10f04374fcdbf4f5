import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { ConcurrentRun } from "./concurrent-run.ts";
import { Dice, LANES, leaseOf, QueueBench, type QueueUnderTest } from "./conformance-bench.ts";
import type { QueueTypes } from "./definition.ts";
import { RandomRun } from "./random-run.ts";

const LEASE = { owner: "ann", leaseMs: 1000 };

/** What every table that is a queue owes: each has a test file that calls this. */
export function exerciseQueue<Q extends QueueTypes>(name: string, under: QueueUnderTest<Q>): void {
  describe(`${name}: as a model of it says`, () => {
    test.each([1, 2, 3, 4, 5])("random operations of three owners (seed %i)", async (seed) => {
      await using bench = await QueueBench.open(under);
      const run = new RandomRun(bench, new Dice(seed));
      await run.steps(150);
      await run.drain();
    });
  });

  describe(`${name}: several owners at once`, () => {
    test.each([
      [1, "by hand"],
      [2, "by hand"],
      [3, "of the server"],
    ] as const)("end every row once, with exact attempts (seed %i, clock %s)", async (seed, clock) => {
      await using bench = await QueueBench.open(under, { replicas: 2, clock });
      await bench.fill(80);
      const run = new ConcurrentRun(bench, 80);
      await run.owners(6, seed);
      await run.check();
    });

    test("claim different rows, none more than its limit", async () => {
      await using bench = await QueueBench.open(under, { replicas: 2 });
      await bench.fill(60);
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, i) =>
          under.queue(bench.stores[i % 2]!).claim({ owner: `o${i}`, leaseMs: 1000, limit: 7 }),
        ),
      );
      expect(Math.max(...claims.map((rows) => rows.length))).toBeLessThanOrEqual(7);
      const all = bench.numbers(claims.flat() as never);
      expect(new Set(all).size).toBe(all.length);
    });

    test("do not wait for rows that another one is taking", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(4);
      const client = await bench.pool.connect();
      try {
        await client.query("begin");
        await client.query(`select * from ${under.table} order by run_at limit 3 for update`);
        const rows = await bench.queue.claim({ ...LEASE, limit: 10 });
        expect(bench.numbers(rows as never)).toEqual([3]);
      } finally {
        await client.query("rollback");
        client.release();
      }
    });

    test("settle and renew the same rows in other orders, and none waits for the other for ever", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(2);
      const rows = await bench.queue.claim({ ...LEASE, limit: 2 });
      const leases = rows.map((row) => leaseOf<Q>(row)).sort((a, b) => under.number(a) - under.number(b));
      const settlements = leases.map((lease) => ({ lease, to: under.finals[0]!, counts: true }));
      const client = await bench.pool.connect();
      const waiting = async (): Promise<number> => {
        const { rows } = await bench.pool.query(
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
        );
        return rows.length;
      };
      try {
        await client.query("begin");
        await client.query(`select * from ${under.table} order by run_at limit 1 for update`);
        const renewing = bench.queue.renew(leases, 5000);
        await waitFor("the renewal to wait", async () => (await waiting()) === 1);
        // Would hold the second row while it waits for the first one.
        const settling = bench.queue.settle(settlements.reverse());
        await waitFor("both to wait", async () => (await waiting()) === 2);
        await client.query("commit");
        expect(await Promise.all([renewing, settling])).toEqual([
          [true, true],
          [true, true],
        ]);
      } finally {
        client.release();
      }
    });

    test("expire a row once", async () => {
      await using bench = await QueueBench.open(under, { replicas: 2 });
      await bench.fill(20);
      await bench.queue.claim({ ...LEASE, limit: 20 });
      await bench.advance(1000);
      const expired = await Promise.all(
        Array.from({ length: 6 }, (_, i) =>
          under.queue(bench.stores[i % 2]!).expire(20, () => ({ to: "queued", delayMs: 0 })),
        ),
      );
      expect(bench.numbers(expired.flat() as never)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    });
  });

  describe(`${name}: a lease`, () => {
    test("that was lost settles nothing, and says so", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(1);
      const [old] = await bench.queue.claim({ ...LEASE, limit: 1 });
      await bench.advance(1000);
      await bench.queue.expire(1, () => ({ to: "queued", delayMs: 0 }));
      // The same owner again: it is the epoch that tells the two apart.
      const [young] = await bench.queue.claim({ ...LEASE, limit: 1 });
      const before = await bench.rows();
      const lease = leaseOf<Q>(old!);
      const [to] = under.finals;
      expect(
        await bench.queue.settle([{ lease, to: to!, counts: true, outcome: under.outcomes[0] }]),
      ).toEqual([false]);
      expect(await bench.queue.release([lease])).toEqual([false]);
      expect(await bench.queue.renew([lease], 9000)).toEqual([false]);
      expect(await bench.rows()).toEqual(before);
      expect(await bench.queue.settle([{ lease: leaseOf<Q>(young!), to: to!, counts: true }])).toEqual([
        true,
      ]);
    });

    test("that ran out settles as long as nobody took the row", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(1);
      const [row] = await bench.queue.claim({ ...LEASE, limit: 1 });
      await bench.advance(5000);
      const settlement = { lease: leaseOf<Q>(row!), to: under.finals[0]!, counts: true };
      expect(await bench.queue.settle([settlement])).toEqual([true]);
    });

    test("that is renewed between being found and being expired stays", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(1);
      const [row] = await bench.queue.claim({ ...LEASE, limit: 1 });
      await bench.advance(1000);
      let renewing: Promise<boolean[]> | undefined;
      const client = await bench.pool.connect();
      try {
        await client.query("begin");
        await client.query(`update ${under.table} set lease_until = lease_until + interval '1 hour'`);
        const expiring = bench.queue.expire(1, () => {
          // The row is found by now, and expiring it waits for this transaction.
          renewing = client.query("commit").then(() => bench.queue.renew([leaseOf<Q>(row!)], 1000));
          return { to: "queued" };
        });
        expect(await expiring).toEqual([]);
      } finally {
        client.release();
      }
      expect(await renewing).toEqual([true]);
    });

    test("that is ended for a process that is gone is found at once, and fences it when it is not", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(2);
      const [row] = await bench.queue.claim({ ...LEASE, limit: 1 });
      expect(await bench.queue.endLeases()).toBe(1);
      expect(await bench.queue.expire(10, () => ({ to: "queued" }))).toHaveLength(1);
      expect(await bench.queue.renew([leaseOf<Q>(row!)], 1000)).toEqual([false]);
      expect(await bench.queue.endLeases()).toBe(0);
    });

    test("settled twice in one batch counts once", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(1);
      const [row] = await bench.queue.claim({ ...LEASE, limit: 1 });
      const [to, other] = under.finals;
      const settled = await bench.queue.settle([
        { lease: leaseOf<Q>(row!), to: to!, counts: true },
        { lease: leaseOf<Q>(row!), to: other!, counts: true },
      ]);
      expect(settled.filter(Boolean)).toHaveLength(1);
    });

    test("claimed in a transaction that does not commit was never given", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(2);
      const before = await bench.rows();
      const failing = bench.store.withTransaction(async (tx) => {
        const rows = await under.queue(tx).claim({ ...LEASE, limit: 2 });
        expect(rows).toHaveLength(2);
        throw new Error("broken off");
      });
      await expect(failing).rejects.toThrow("broken off");
      expect(await bench.rows()).toEqual(before);
    });
  });

  describe(`${name}: a row`, () => {
    test("that is released keeps its place, its attempt and its outcome", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(3);
      const [first] = await bench.queue.claim({ ...LEASE, limit: 1 });
      const [outcome] = under.outcomes;
      await bench.queue.settle([{ lease: leaseOf<Q>(first!), to: "queued", counts: true, outcome }]);
      const [again] = await bench.queue.claim({ ...LEASE, limit: 1 });
      expect(again).toMatchObject({ attempt: 2, leaseEpoch: 2, ...outcome });
      await bench.queue.release([leaseOf<Q>(again!)]);
      const [third] = await bench.queue.claim({ ...LEASE, limit: 1 });
      expect(bench.numbers([third!] as never)).toEqual([0]);
      expect(third).toMatchObject({ attempt: 2, leaseEpoch: 3, runAt: first!.runAt, ...outcome });
    });

    test("that is renewed stays in its page: no index names what a renewal changes", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(3);
      await bench.queue.claim({ ...LEASE, limit: 3 });
      const client = await bench.pool.connect();
      try {
        await client.query("begin");
        await client.query(`update ${under.table} set lease_until = lease_until + interval '1 second'`);
        const { rows } = await client.query(
          "select n_tup_upd, n_tup_hot_upd from pg_stat_xact_user_tables where relname = $1",
          [under.table],
        );
        expect(rows).toEqual([{ n_tup_upd: "3", n_tup_hot_upd: "3" }]);
      } finally {
        await client.query("rollback");
        client.release();
      }
    });

    test("that ended is swept after its time, others stay", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(4);
      const rows = await bench.queue.claim({ ...LEASE, limit: 2 });
      await bench.queue.settle(
        rows.map((row) => ({ lease: leaseOf<Q>(row), to: under.finals[0]!, counts: true })),
      );
      expect(await bench.queue.sweepFinished(5000, 10)).toBe(0);
      await bench.advance(5001);
      expect(await bench.queue.sweepFinished(5000, 1)).toBe(1);
      expect(await bench.queue.sweepFinished(5000, 10)).toBe(1);
      expect([...(await bench.rows()).keys()].sort()).toEqual([2, 3]);
    });
  });

  describe(`${name}: lanes`, () => {
    test("with a backlog do not keep others from being claimed", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(30);
      const lanes = [0, 1, 2].map((lane) => ({ ...under.lane(lane), limit: lane }));
      const rows = await bench.queue.claim({ ...LEASE, limit: 100, lanes });
      expect(bench.numbers(rows as never)).toEqual([1, 2, 7]);
    });

    test("are read in pages", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(10);
      const all = await bench.queue.lanes(100);
      expect(all).toHaveLength(LANES);
      const first = await bench.queue.lanes(2);
      expect(first).toEqual(all.slice(0, 2));
      expect(await bench.queue.lanes(100, first[1]!.lane)).toEqual(all.slice(2));
      expect(await bench.queue.lanes(0)).toEqual([]);
    });

    test("with rows that are due are told apart from those where all is still to come", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(3);
      const [first] = await bench.queue.claim({ ...LEASE, limit: 1 });
      const later = { lease: leaseOf<Q>(first!), to: "queued" as const, counts: true, delayMs: 2000 };
      await bench.queue.settle([later]);
      expect(await bench.queue.lanes(9)).toHaveLength(3);
      expect(await bench.queue.nextDueInMs()).toBe(2000);
      const due = await bench.queue.dueLanes(9);
      expect(due.map(({ lane }) => lane)).toEqual([under.lane(1), under.lane(2)]);
      expect(await bench.queue.dueLanes(9, due[0]!.lane)).toHaveLength(1);
      await bench.advance(2000);
      expect(await bench.queue.dueLanes(9)).toHaveLength(3);
      expect(await bench.queue.nextDueInMs()).toBeUndefined();
    });

    test("aside, rows are claimed by their keys: those that wait and are due, each once", async () => {
      await using bench = await QueueBench.open(under);
      await bench.fill(6);
      const claim = (...numbers: number[]) =>
        bench.queue.claim({ ...LEASE, limit: 3, keys: numbers.map(under.key) });
      expect(bench.numbers((await claim(4, 1)) as never)).toEqual([1, 4]);
      expect(bench.numbers((await claim(1, 2, 99)) as never)).toEqual([2]);
      expect(await claim()).toEqual([]);
    });
  });
}
