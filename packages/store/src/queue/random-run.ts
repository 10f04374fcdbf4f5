import { expect } from "vitest";
import { type Dice, LANES, leaseOf, START, type QueueBench } from "./conformance-bench.ts";
import type { QueueKey, QueueLease, QueueOutcome, QueueTypes } from "./definition.ts";
import { QueueModel, type ModelLease, type ModelSettlement } from "./model.ts";

const OWNERS = ["ann", "bob", "cid"];
const LEASE_MS = 1000;

/** Random operations of several owners, one after the other, each compared with the model. */
export class RandomRun<Q extends QueueTypes> {
  readonly #bench: QueueBench<Q>;
  readonly #dice: Dice;
  readonly #model = new QueueModel(START);
  /** All that were ever handed out: most have been lost or settled since. */
  readonly #leases: ModelLease[] = [];
  #added = 0;

  constructor(bench: QueueBench<Q>, dice: Dice) {
    this.#bench = bench;
    this.#dice = dice;
  }

  async steps(count: number): Promise<void> {
    const operations = [
      () => this.#add(),
      () => this.#add(),
      () => this.#claim(),
      () => this.#claim(),
      () => this.#claimLanes(),
      () => this.#settle(),
      () => this.#settle(),
      () => this.#release(),
      () => this.#renew(),
      () => this.#expire(),
      () => this.#withdraw(),
      () => this.#lanes(),
      () => this.#advance(),
      () => this.#advance(),
    ];
    for (let i = 0; i < count; i++) {
      await this.#dice.one(operations)();
      await this.#compare();
    }
  }

  /** Until all rows have ended. */
  async drain(): Promise<void> {
    const open = (): boolean =>
      [...this.#model.rows.values()].some(({ state }) => ["queued", "running"].includes(state));
    while (open()) {
      this.#model.now = (await this.#bench.advance(100_000)).getTime();
      await this.#expire();
      const leases = await this.#claim("ann", 1000);
      const to = this.#bench.under.finals[0] as string;
      await this.#apply(leases.map((lease) => ({ lease, to, counts: true })));
    }
    await this.#compare();
    const rows = [...(await this.#bench.rows()).values()];
    expect(rows).toHaveLength(this.#added);
    expect(rows.filter(({ finishedAt }) => finishedAt === null)).toEqual([]);
  }

  async #add(): Promise<void> {
    const n = this.#added++;
    await this.#bench.under.add(this.#bench.store, n, new Date(this.#model.now));
    this.#model.add(String(n), n % LANES);
  }

  async #claim(owner = this.#dice.one(OWNERS), limit = this.#dice.below(6)): Promise<ModelLease[]> {
    const rows = await this.#bench.queue.claim({ owner, leaseMs: LEASE_MS, limit });
    return this.#taken(rows, owner, limit);
  }

  async #claimLanes(): Promise<void> {
    const owner = this.#dice.one(OWNERS);
    const limit = this.#dice.below(6);
    const shares = new Map<number, number>();
    for (let lane = 0; lane < LANES; lane++)
      if (this.#dice.below(2) === 0) shares.set(lane, this.#dice.below(4));
    const lanes = [...shares].map(([lane, share]) => ({ ...this.#bench.under.lane(lane), limit: share }));
    const rows = await this.#bench.queue.claim({ owner, leaseMs: LEASE_MS, limit, lanes });
    this.#taken(rows, owner, limit, shares);
  }

  #taken(rows: Q["row"][], owner: string, limit: number, lanes?: ReadonlyMap<number, number>): ModelLease[] {
    const taken = rows.map((row) => ({ id: this.#id(row), owner, epoch: row.leaseEpoch }));
    const ids = taken.map(({ id }) => id);
    expect(this.#model.claim(ids, { owner, leaseMs: LEASE_MS, limit, lanes })).toBeUndefined();
    for (const row of rows) expect(this.#model.agrees(this.#id(row), row)).toBe(true);
    this.#leases.push(...taken);
    return taken;
  }

  async #settle(): Promise<void> {
    const { finals } = this.#bench.under;
    await this.#apply(
      this.#someLeases().map((lease) => ({
        lease,
        to: this.#dice.one(["queued", ...finals]),
        delayMs: this.#dice.one([undefined, 0, 500, 3000]),
        counts: this.#dice.below(3) > 0,
        outcome: this.#dice.one([undefined, 1, 2]),
      })),
    );
  }

  async #apply(settlements: readonly ModelSettlement[]): Promise<void> {
    const given = settlements.map(({ lease, to, delayMs, counts, outcome }) => ({
      lease: this.#lease(lease),
      to,
      delayMs,
      counts,
      outcome: outcome === undefined ? undefined : this.#outcome(outcome),
    }));
    expect(await this.#bench.queue.settle(given)).toEqual(this.#model.settle(settlements));
  }

  async #release(): Promise<void> {
    const leases = this.#someLeases();
    const released = await this.#bench.queue.release(leases.map((lease) => this.#lease(lease)));
    expect(released).toEqual(
      this.#model.settle(leases.map((lease) => ({ lease, to: "queued", counts: false }))),
    );
  }

  async #renew(): Promise<void> {
    const leases = this.#someLeases();
    const ms = this.#dice.one([10, 2000]);
    const renewed = await this.#bench.queue.renew(
      leases.map((lease) => this.#lease(lease)),
      ms,
    );
    expect(renewed).toEqual(this.#model.renew(leases, ms));
  }

  async #expire(): Promise<void> {
    const leases = this.#model.expired();
    const verdict = this.#dice.one([
      { to: "queued", delayMs: 700 },
      { to: "queued", delayMs: undefined },
      { to: this.#bench.under.finals[1] as string, delayMs: undefined, outcome: 1 },
    ]);
    const rows = await this.#bench.queue.expire(1000, () => ({
      ...verdict,
      outcome: verdict.outcome === undefined ? undefined : this.#outcome(verdict.outcome),
    }));
    expect(rows.map((row) => this.#id(row)).sort()).toEqual(leases.map(({ id }) => id).sort());
    this.#model.settle(
      leases.map((lease) => ({ ...verdict, lease, counts: true })),
      true,
    );
  }

  async #withdraw(): Promise<void> {
    const ids = [...new Set(this.#dice.some([...this.#model.rows.keys()], 2))];
    const running = this.#dice.below(2) === 0;
    const to = this.#bench.under.finals.at(-1) as string;
    const keys = ids.map((id) => this.#bench.under.key(Number(id)));
    expect(await this.#bench.queue.withdraw(keys, { to, running })).toEqual(
      this.#model.withdraw(ids, to, running),
    );
  }

  async #lanes(): Promise<void> {
    const found = await this.#bench.queue.lanes(100);
    const wanted = this.#model.lanes();
    expect(found).toHaveLength(wanted.size);
    for (const [lane, since] of wanted)
      expect(found).toContainEqual({ lane: this.#bench.under.lane(lane), waitedMs: this.#model.now - since });
  }

  async #advance(): Promise<void> {
    this.#model.now = (await this.#bench.advance(this.#dice.one([1, 300, 1200]))).getTime();
  }

  async #compare(): Promise<void> {
    const stored = await this.#bench.rows();
    expect(stored.size).toBe(this.#model.rows.size);
    for (const [n, row] of stored) {
      expect(this.#model.agrees(String(n), row), `row ${n}: ${JSON.stringify(row)}`).toBe(true);
      const { outcome } = this.#model.rows.get(String(n)) ?? {};
      expect(row).toMatchObject(this.#outcome(outcome ?? 0));
    }
  }

  #someLeases(): ModelLease[] {
    const recent = this.#leases.slice(-8);
    const some = this.#dice.some(this.#dice.below(4) === 0 ? this.#leases : recent, 4);
    return [...new Map(some.map((lease) => [`${lease.id} ${lease.epoch}`, lease])).values()];
  }

  #lease({ id, owner, epoch }: ModelLease): QueueLease<Q> {
    return leaseOf<Q>({
      ...this.#bench.under.key(Number(id)),
      leaseOwner: owner,
      leaseEpoch: epoch,
    } as never);
  }

  #id(row: Q["row"]): string {
    return String(this.#bench.under.number(row as unknown as QueueKey<Q>));
  }

  /** 0 is none: all of its columns are null. */
  #outcome(which: number): QueueOutcome<Q> {
    const { outcomes } = this.#bench.under;
    const names = outcomes.flatMap((outcome) => Object.keys(outcome));
    return {
      ...Object.fromEntries(names.map((name) => [name, null])),
      ...outcomes[which - 1],
    } as QueueOutcome<Q>;
  }
}
